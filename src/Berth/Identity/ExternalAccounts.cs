using System.Text;
using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// The accounts of users whom other systems vouch for. The first sign-in makes one, or links the one that the settings'
/// rule finds; each one follows the user's groups there.
/// </summary>
internal sealed partial class ExternalAccounts(
    LinkRule rule, AvailableNames names, Database database, AccessChanges changes, AuditLog audit,
    TimeProvider clock, ILogger<ExternalAccounts> log)
{
    private const int MaxGroups = 1000;
    private const int MaxGroupChars = 1000;

    /// <summary>The account of a user who has just signed in; null, with the reason, if there can't be one.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async Task<(AccountRow? Account, string? Reason)> FindOrAddAsync(
        ExternalUser user, CancellationToken cancellation)
    {
        var known = await database.ReadAsync(session => FindAsync(session, user), cancellation);
        if (known is { } found && found.Groups.SequenceEqual(GroupsOf(user))) return (found.Account, null);
        var (account, reason) = await changes.RunAsync(session => LinkAsync(session, user), cancellation);
        if (account is not null) Note(user, account, known?.Groups);
        return (account, reason);
    }

    /// <summary>A new way in, and groups, give rights without anybody's doing here.</summary>
    private void Note(ExternalUser user, AccountRow account, IReadOnlyList<string>? before)
    {
        if (before is null) audit.NoteOwn("link", $"{user.Name} of {user.Source}", target: account.Name);
        var groups = GroupsOf(user).ToList();
        if (groups.Count == 0 && before is null) return;
        var (added, lost) = (groups.Except(before ?? []), (before ?? []).Except(groups));
        var changes = added.Select(name => $"+{name}").Concat(lost.Select(name => $"-{name}"));
        var text = PlainText.Of($"{user.Source}: {string.Join(' ', changes)}", MaxGroupChars);
        audit.NoteOwn("groups", text, target: account.Name);
    }

    /// <summary>Who an account is in another system; null if it has no way to sign in there.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async ValueTask<IdentityRow?> FindIdentityAsync(
        long accountId, string source, CancellationToken cancellation) =>
        (await database.ReadAsync(session => IdentityTable.ListAsync(session, accountId), cancellation))
            .Find(identity => identity.Source == source);

    /// <summary>Gives an account another way to sign in. Returns why it can't be, or null.</summary>
    public Task<string?> LinkAsync(ExternalUser user, long accountId, CancellationToken cancellation) =>
        changes.RunAsync(
            async session =>
            {
                var fault = await LinkAsync(
                    session, new IdentityRow(user.Source, user.Subject, accountId, user.Name, clock.GetUtcNow()));
                if (fault is null)
                    await IdentityTable.SetGroupsAsync(session, accountId, user.Source, GroupsOf(user));
                return fault;
            },
            cancellation);

    /// <summary>The same within a change, for somebody of whose groups nothing is known.</summary>
    public static async ValueTask<string?> LinkAsync(Session session, IdentityRow identity)
    {
        if (await IdentityTable.FindAsync(session, identity.Source, identity.Subject) is { } present)
        {
            return present.AccountId == identity.AccountId
                ? null : $"{identity.Name} of {identity.Source} signs in to another account here";
        }

        await IdentityTable.AddAsync(session, identity);
        return null;
    }

    /// <summary>Takes a way to sign in from an account.</summary>
    /// <returns>Whether the account has it; and why it can't be taken, or null.</returns>
    public static async ValueTask<(bool IsPresent, string? Fault)> UnlinkAsync(
        Session session, long accountId, string source, string subject)
    {
        var all = await IdentityTable.ListAsync(session, accountId);
        if (!all.Exists(identity => identity.Source == source && identity.Subject == subject))
            return (false, "there is no such identity");
        if (all.Count == 1 && await AccountTable.FindAsync(session, accountId) is { PasswordHash: null })
            return (true, "it is the only way to sign in to this account: set a password first");
        await IdentityTable.RemoveAsync(session, accountId, source, subject);
        return (true, null);
    }

    private static async ValueTask<Known?> FindAsync(Session session, ExternalUser user)
    {
        if (await IdentityTable.FindAsync(session, user.Source, user.Subject) is not { } identity) return null;
        return await AccountTable.FindAsync(session, identity.AccountId) is { } account
            ? new Known(account, await IdentityTable.GroupsOfAsync(session, account.Id, user.Source))
            : null;
    }

    private async ValueTask<(AccountRow? Account, string? Reason)> LinkAsync(Session session, ExternalUser user)
    {
        var account = (await FindAsync(session, user))?.Account;
        if (account is null)
        {
            (account, var reason) = await FindOrMakeAsync(session, user);
            if (account is null) return (null, reason);
            await IdentityTable.AddAsync(
                session, new IdentityRow(user.Source, user.Subject, account.Id, user.Name, clock.GetUtcNow()));
            LogLinked(user.Name, user.Source, account.Name);
        }

        await IdentityTable.SetGroupsAsync(session, account.Id, user.Source, GroupsOf(user));
        return (account, null);
    }

    /// <summary>An existing account only if the rule allows it: a name alone proves nothing.</summary>
    private async ValueTask<(AccountRow? Account, string? Reason)> FindOrMakeAsync(Session session, ExternalUser user)
    {
        if (rule == LinkRule.VerifiedEmail && user is { IsEmailVerified: true, Email: { Length: > 0 } email }
            && await AccountTable.FindByEmailAsync(session, email) is { } owner)
        {
            return UnlessStaff(owner);
        }

        if (NameFor(user.Name) is not { } name || name.IsRobot)
            return (null, $"'{user.Name}' can't be a user's name here");
        var taken = await AccountTable.FindAsync(session, name.Text);
        if (taken is { Kind: AccountKinds.User } && rule == LinkRule.Name) return UnlessStaff(taken);
        if (taken is not null)
            return (null, $"the name {name} is taken by another account here");

        // The user would own what is others' there.
        if (await NamespaceTable.HasRepositoriesAsync(session, name.Text))
            return (null, $"there are repositories in the namespace {name}; an administrator can make the user");
        if (!await names.IsFreeForExternalAsync(session, name, isSamePerson: rule == LinkRule.Name))
            return (null, $"the name {name} stands for something here already; an administrator can make the user");
        var added = await AccountTable.AddAsync(session, new AccountRow(0, AccountKinds.User, name.Text)
        {
            FullName = user.DisplayName,

            // Addresses decide who gets an account, so nobody must get one for somebody else's.
            Email = user.IsEmailVerified ? user.Email : null,
            IsEmailVerified = user is { IsEmailVerified: true, Email.Length: > 0 },
            CreatedAt = clock.GetUtcNow(),
            CreatedBy = $"first sign-in with {user.Source}",
        });
        return added is null ? (null, $"the name {name} was just taken; sign in again") : (added, null);
    }

    /// <summary>
    /// An account, unless it has a role in the registry: whoever can make up users of the other system would have it.
    /// </summary>
    private static (AccountRow? Account, string? Reason) UnlessStaff(AccountRow account) => account.Role is null
        ? (account, null)
        : (null, $"{account.Name} is {account.Role} of the registry, and such accounts are not linked by themselves");

    /// <summary>
    /// The name as an account's: in lower case, without what follows an @, and with a dash for what no name may hold.
    /// </summary>
    public static AccountName? NameFor(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name.Split('@')[0].ToLowerInvariant())
            text.Append(char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-' ? c : '-');
        return AccountName.TryParse(text.ToString().Trim('.', '_', '-'), out var parsed) ? parsed : null;
    }

    private static IEnumerable<string> GroupsOf(ExternalUser user) =>
        user.Groups.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(MaxGroups);

    [LoggerMessage(Level = LogLevel.Information, Message = "{User} of {Source} now signs in as {Account}")]
    private partial void LogLinked(string user, string source, string account);

    private sealed record Known(AccountRow Account, IReadOnlyList<string> Groups);
}
