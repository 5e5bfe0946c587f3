using System.Globalization;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Access;

/// <summary>What an account may do, whatever its credentials.</summary>
/// <param name="Account">The account.</param>
/// <param name="Role">Its role in the registry.</param>
/// <param name="Grants">What it may do in repositories.</param>
/// <param name="Groups">Its groups in other directories.</param>
internal sealed record Rights(
    AccountRow Account, RegistryRole Role, IReadOnlyList<Grant> Grants, IReadOnlyList<string> Groups)
{
    /// <summary>Whether it may still do anything.</summary>
    public bool IsActive(DateTimeOffset now) => !Account.IsDisabled && (Account.ExpiresAt is not { } end || now < end);
}

/// <summary>
/// Accounts, rights and visibility as the database has them, remembered for as long as <see cref="AccessVersion"/>
/// stays the same. So a request with known credentials reads no database.
/// </summary>
internal sealed class KnownRights(Database database, AccessVersion version)
{
    /// <summary>How many answers are remembered: some 20 MB if all of them are accounts with a few grants.</summary>
    private const int KeptAnswers = 20_000;

    /// <summary>A word and a number.</summary>
    private const int KeyChars = 32;

    private static readonly object Nothing = new();

    private readonly BoundedCache<Answer> answers = new(KeptAnswers);

    private sealed record Answer(long Version, object Value);

    /// <summary>An account's rights; null if there is no such account any more.</summary>
    /// <exception cref="DatabaseUnavailableException">They are not remembered, and can't be read.</exception>
    public ValueTask<Rights?> FindAsync(long accountId, CancellationToken cancellation)
    {
        var key = KeyOf(stackalloc char[KeyChars], "rights/", accountId);
        return TryGet<Rights>(key, out var known)
            ? new ValueTask<Rights?>(known) : ReadRightsAsync(key.ToString(), accountId, cancellation);
    }

    /// <summary>The account with a name, which need not be one that any account could have.</summary>
    public ValueTask<AccountRow?> FindAccountAsync(string name, CancellationToken cancellation) => GetAsync(
        $"account/{name}", session => AccountTable.FindAsync(session, name), cancellation);

    /// <summary>A personal, robot or refresh token that was not revoked, but may have expired.</summary>
    public ValueTask<TokenRow?> FindTokenAsync(long id, CancellationToken cancellation)
    {
        var key = KeyOf(stackalloc char[KeyChars], "token/", id);
        return TryGet<TokenRow>(key, out var known)
            ? new ValueTask<TokenRow?>(known) : ReadTokenAsync(key.ToString(), id, cancellation);
    }

    /// <summary>The same, by the hash of its secret.</summary>
    public ValueTask<TokenRow?> FindTokenAsync(string hash, CancellationToken cancellation) => GetAsync(
        $"hash/{hash}", session => TokenTable.FindAsync(session, hash), cancellation);

    /// <summary>A browser that is signed in, by the hash of its cookie; it may have expired.</summary>
    public ValueTask<SessionRow?> FindSessionAsync(string hash, CancellationToken cancellation) => GetAsync(
        $"session/{hash}", session => SessionTable.FindAsync(session, hash), cancellation);

    public async ValueTask<bool> IsPublicAsync(string repository, CancellationToken cancellation) => await GetAsync(
        $"public/{repository}",
        async session => await RepositoryTable.IsPublicAsync(session, repository) ? "public" : null,
        cancellation) is not null;

    /// <param name="key">Under which the answer is remembered, also that there is none.</param>
    /// <param name="load">Reads it.</param>
    /// <param name="cancellation">Ends the reading.</param>
    private ValueTask<T?> GetAsync<T>(
        string key, Func<Session, ValueTask<T?>> load, CancellationToken cancellation)
        where T : class => TryGet<T>(key, out var known)
            ? new ValueTask<T?>(known)
            : LoadAsync(key, load, cancellation);

    // Apart, so that a request whose caller is known allocates nothing here.
    private ValueTask<Rights?> ReadRightsAsync(string key, long accountId, CancellationToken cancellation) =>
        LoadAsync(key, session => LoadAsync(session, accountId), cancellation);

    private ValueTask<TokenRow?> ReadTokenAsync(string key, long id, CancellationToken cancellation) =>
        LoadAsync(key, session => TokenTable.FindAsync(session, id), cancellation);

    private bool TryGet<T>(ReadOnlySpan<char> key, out T? value)
        where T : class
    {
        value = null;
        if (!version.TryGet(out var number) || !answers.TryGet(key, out var answer) || answer.Version != number)
            return false;
        value = answer.Value as T;
        return true;
    }

    /// <param name="room">Where to write it.</param>
    /// <param name="kind">What it is the key of.</param>
    /// <param name="id">Which of them.</param>
    private static ReadOnlySpan<char> KeyOf(Span<char> room, string kind, long id)
    {
        kind.CopyTo(room);
        id.TryFormat(room[kind.Length..], out var length, provider: CultureInfo.InvariantCulture);
        return room[..(kind.Length + length)];
    }

    private async ValueTask<T?> LoadAsync<T>(
        string key, Func<Session, ValueTask<T?>> load, CancellationToken cancellation)
        where T : class
    {
        var number = await version.CurrentAsync(cancellation);
        if (answers.TryGet(key, out var answer) && answer.Version == number) return answer.Value as T;
        var loaded = await database.ReadAsync(load, cancellation);
        answers.Set(key, new Answer(number, loaded ?? Nothing), cost: 1);
        return loaded;
    }

    private static async ValueTask<Rights?> LoadAsync(Session session, long accountId)
    {
        if (await AccountTable.FindAsync(session, accountId) is not { } account) return null;
        var grants = new List<Grant>();
        if (account.Kind == AccountKinds.User)
        {
            grants.Add(new Grant(
                NamePattern.ForNamespace(account.Name), Roles.ActionsOf(Access.Role.Owner),
                $"{account.Name} is a user's own namespace"));
        }

        foreach (var held in await GrantTable.HeldByAsync(session, accountId))
        {
            if (TryRead(account.Name, held) is { } grant) grants.Add(grant);
        }

        var role = Enum.TryParse<RegistryRole>(account.Role, ignoreCase: true, out var known)
            ? known : RegistryRole.None;
        return new Rights(account, role, grants, await IdentityTable.GroupsOfAsync(session, accountId));
    }

    private static Grant? TryRead(string name, HeldGrant held)
    {
        if (held.IsMembership)
        {
            return Enum.TryParse<Role>(held.Actions, ignoreCase: true, out var role) && role != Access.Role.Member
                ? new Grant(
                    NamePattern.ForNamespace(held.Pattern), Roles.ActionsOf(role),
                    $"{name} is {held.Actions} of the organization {held.Pattern}")
                : null;
        }

        if (!NamePattern.TryParse(held.Pattern, out var pattern)) return null;
        var who = held.Team is { } team ? $"team {team}" : name;
        return new Grant(pattern, Roles.Read(held.Actions), $"{who} may {held.Actions} in {held.Pattern}");
    }
}
