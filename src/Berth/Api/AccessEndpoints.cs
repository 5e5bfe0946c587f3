using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>What an account may do in a repository, and why.</summary>
internal sealed record Explanation(string User, string Repository, IReadOnlyList<ExplainedAction> Actions);

/// <summary>An action, and through what it is allowed; null if it is not.</summary>
internal sealed record ExplainedAction(string Action, bool IsAllowed, string? Through);

/// <summary><c>/access</c>: why somebody may do something.</summary>
internal sealed class AccessEndpoints(Database database, AccessRules access, Ownership ownership)
{
    private static readonly AccessAction[] All =
        [AccessAction.Pull, AccessAction.Push, AccessAction.Delete, AccessAction.Manage, AccessAction.Own];

    /// <summary>For the user themselves, owners of the repository and staff.</summary>
    public async Task<ApiAnswer<Explanation>> ExplainAsync(HttpContext http, string user, string repository)
    {
        var caller = http.Caller();
        if (!RepositoryName.TryParse(repository, out var name))
            return ApiError.Of(RegistryError.NameInvalid(repository));
        if (!AccountName.TryParse(user, out var asked)) return UserEndpoints.NotFound();
        var isSeen = caller.IsStaff || caller.Name == asked.Text
            || ownership.Owns(caller, NamePattern.ForRepository(name));
        if (!isSeen) return ApiError.NotFound("such repository");
        var account = await database.ReadAsync(
            session => AccountTable.FindAsync(session, asked.Text), http.RequestAborted);
        if (account is null || account.Kind == AccountKinds.Organization) return UserEndpoints.NotFound();
        var kind = account.Kind == AccountKinds.Robot ? CallerKind.Robot : CallerKind.User;
        var who = new Caller(account.Id, kind, account.Name, SignInMethod.Password);
        var actions = new List<ExplainedAction>();
        foreach (var action in All)
        {
            var through = await access.ExplainAsync(who, action, name, http.RequestAborted);
            actions.Add(new ExplainedAction(Roles.Write(action), through is not null, through));
        }

        return new Explanation(account.Name, name.Text, actions);
    }
}
