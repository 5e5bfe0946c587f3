using Berth.Access;
using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>What an account may do in a repository, and why.</summary>
internal sealed record Explanation(string User, string Repository, IReadOnlyList<ExplainedAction> Actions);

/// <summary>An action, and through what it is allowed; null if it is not.</summary>
internal sealed record ExplainedAction(string Action, bool IsAllowed, string? Through);

/// <summary><c>/access</c>: why somebody may do something.</summary>
/// <param name="database">The accounts.</param>
/// <param name="access">Decides.</param>
/// <param name="ownership">Who may ask.</param>
/// <param name="htpasswd">The users of a file, who have no account. It is read when it is first asked for.</param>
internal sealed class AccessEndpoints(
    Database database, AccessRules access, Ownership ownership, Func<HtpasswdFile?> htpasswd)
{
    private static readonly AccessAction[] All =
        [AccessAction.Pull, AccessAction.Push, AccessAction.Delete, AccessAction.Manage, AccessAction.Own];

    /// <summary>
    /// For the user themselves, owners of the repository and staff. Who asks about themselves hears what they may do
    /// with these credentials, and needs no account: users of a file and jobs have rules to understand, too.
    /// </summary>
    public async Task<ApiAnswer<Explanation>> ExplainAsync(HttpContext http, string user, string repository)
    {
        var caller = http.Caller();
        if (!RepositoryName.TryParse(repository, out var name))
            return ApiError.Of(RegistryError.NameInvalid(repository));
        var asked = AccountName.TryParse(user, out var parsed) ? parsed.Text : null;
        var isSelf = caller.Name == asked || caller.Name == user;
        var isSeen = isSelf || (caller.Caller.Limits is null
            && (caller.IsStaff || ownership.Owns(caller, NamePattern.ForRepository(name))));
        if (!isSeen) return ApiError.NotFound("such repository");
        var who = isSelf ? caller.Caller : await FindAsync(caller, user, asked, http.RequestAborted);
        if (who is null) return UserEndpoints.NotFound();
        var actions = new List<ExplainedAction>();
        foreach (var action in All)
        {
            var through = await access.ExplainAsync(who, action, name, http.RequestAborted);
            actions.Add(new ExplainedAction(Roles.Write(action), through is not null, through));
        }

        return new Explanation(who.Name, name.Text, actions);
    }

    /// <summary>Whom requests with this name come from: as at a sign-in, the file comes first.</summary>
    private async Task<Caller?> FindAsync(
        ApiCaller caller, string text, string? name, CancellationToken cancellation)
    {
        if (htpasswd()?.Knows(text) == true) return Caller.WithPassword(text);
        if (name is null) return null;
        var account = await FindAccountAsync(caller, name, cancellation);
        return account is null && name == Caller.Anonymous.Name ? Caller.Anonymous : account;
    }

    private async Task<Caller?> FindAccountAsync(ApiCaller caller, string name, CancellationToken cancellation) =>
        await database.ReadAsync<Caller?>(
            async session => await AccountTable.FindAsync(session, name) switch
            {
                { Kind: AccountKinds.User } user => CallerOf(user, CallerKind.User),
                { Kind: AccountKinds.Robot } robot
                    when await RobotEndpoints.MaySeeAsync(session, ownership, caller, robot) =>
                        CallerOf(robot, CallerKind.Robot),
                _ => null,
            },
            cancellation);

    private static Caller CallerOf(AccountRow account, CallerKind kind) =>
        new(account.Id, kind, account.Name, SignInMethod.Password);
}
