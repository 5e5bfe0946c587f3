using System.Data.Common;

namespace Berth.Metadata;

/// <summary>The kinds of accounts, as the table has them.</summary>
internal static class AccountKinds
{
    public const string User = "user";
    public const string Robot = "robot";
    public const string Organization = "organization";
}

/// <summary>A user, a robot or an organization.</summary>
/// <param name="Id">Its number, never used again.</param>
/// <param name="Kind">One of <see cref="AccountKinds"/>.</param>
/// <param name="Name">Unique among all of them.</param>
internal sealed record AccountRow(long Id, string Kind, string Name)
{
    public string? FullName { get; init; }

    public string? Email { get; init; }

    /// <summary>
    /// Whether an administrator or a directory that has verified it set the address. Users may write any.
    /// </summary>
    public bool IsEmailVerified { get; init; }

    /// <summary>A bcrypt hash; null if it has no password here.</summary>
    public string? PasswordHash { get; init; }

    /// <summary>
    /// Whether a password alone does not sign in. <see cref="SecondFactorTable"/> writes it.
    /// </summary>
    public bool HasSecondFactor { get; init; }

    /// <summary>Its role in the registry, or null.</summary>
    public string? Role { get; init; }

    public bool IsDisabled { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The account in whose namespace a robot is; null if it is the registry's, or no robot.</summary>
    public long? OwnerId { get; init; }

    /// <summary>The repository of that namespace that a robot reaches no further than; null if there is no such limit.
    /// </summary>
    public string? Repository { get; init; }

    public bool MayMakeRobots { get; init; }

    /// <summary>Whether repositories pushed to its namespace from now on are public.</summary>
    public bool MakesPublic { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    /// <summary>Grows with each change.</summary>
    public long Version { get; init; } = 1;
}

/// <summary>Users, robots and organizations.</summary>
internal static class AccountTable
{
    private const string Columns =
        """
        id, kind, name, full_name, email, password_hash, role, is_disabled, expires_at, owner_id, may_make_robots,
        makes_public, created_at, created_by, version, is_email_verified, has_second_factor,
        repository
        """;

    private static readonly string[] Removals =
    [
        "DELETE FROM token WHERE account_id = $1",
        "DELETE FROM invitation WHERE organization_id = $1",
        "DELETE FROM session WHERE account_id = $1",
        "DELETE FROM device_request WHERE account_id = $1",
        "DELETE FROM access_grant WHERE account_id = $1",
        "DELETE FROM access_grant WHERE team_id IN (SELECT id FROM team WHERE organization_id = $1)",
        "DELETE FROM team_member WHERE account_id = $1",
        "DELETE FROM team_member WHERE team_id IN (SELECT id FROM team WHERE organization_id = $1)",
        "DELETE FROM team_group WHERE team_id IN (SELECT id FROM team WHERE organization_id = $1)",
        "DELETE FROM team WHERE organization_id = $1",
        "DELETE FROM organization_member WHERE account_id = $1 OR organization_id = $1",
        "DELETE FROM account_group WHERE account_id = $1",
        "DELETE FROM identity WHERE account_id = $1",
        "DELETE FROM account WHERE id = $1",
    ];

    public static ValueTask<AccountRow?> FindAsync(Session session, string name) =>
        session.FirstAsync($"SELECT {Columns} FROM account WHERE name = $1", Read, name);

    public static ValueTask<AccountRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} FROM account WHERE id = $1", Read, id);

    /// <summary>
    /// Whether an account is still what it was when its password was checked, until the write ends: what the check saw
    /// may be a second old.
    /// </summary>
    /// <param name="session">The write.</param>
    /// <param name="id">The account.</param>
    /// <param name="version">Its version then; null if something else than the account was asked.</param>
    public static async ValueTask<bool> IsStillAsync(Session session, long id, long? version) =>
        await session.NumberAsync(
            $"SELECT version FROM account WHERE id = $1 AND is_disabled = 0{session.ForUpdate}", id) is { } present
        && present == (version ?? present);

    /// <summary>The only user with an e-mail address that is verified; null if there are several, or none.</summary>
    public static async ValueTask<AccountRow?> FindByEmailAsync(Session session, string email)
    {
        var found = await session.AllAsync(
            $"SELECT {Columns} FROM account WHERE email = $1 AND is_email_verified = 1 AND kind = $2 LIMIT 2",
            Read, email, AccountKinds.User);
        return found is [var only] ? only : null;
    }

    /// <summary>Accounts of a kind with names after <paramref name="last"/>, in ordinal order.</summary>
    public static ValueTask<List<AccountRow>> ListAsync(Session session, string kind, string last, int count) =>
        session.AllAsync(
            $"SELECT {Columns} FROM account WHERE kind = $1 AND name > $2 ORDER BY name LIMIT $3",
            Read, kind, last, count);

    /// <summary>The robots of a namespace with names after <paramref name="last"/>.</summary>
    public static ValueTask<List<AccountRow>> ListOwnedAsync(Session session, long ownerId, string last, int count) =>
        session.AllAsync(
            $"SELECT {Columns} FROM account WHERE owner_id = $1 AND name > $2 ORDER BY name LIMIT $3",
            Read, ownerId, last, count);

    /// <summary>The robots of a repository with names after <paramref name="last"/>.</summary>
    public static ValueTask<List<AccountRow>> ListOfRepositoryAsync(
        Session session, string repository, string last, int count) => session.AllAsync(
            $"SELECT {Columns} FROM account WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
            Read, repository, last, count);

    /// <summary>How many enabled users who do not expire have a role in the registry.</summary>
    public static async ValueTask<long> CountStaffAsync(Session session, string role) => await session.NumberAsync(
        "SELECT count(*) FROM account WHERE role = $1 AND kind = $2 AND is_disabled = 0 AND expires_at IS NULL",
        role, AccountKinds.User) ?? 0;

    public static async ValueTask<bool> HasUsersAsync(Session session) =>
        await session.NumberAsync("SELECT 1 FROM account WHERE kind = $1 LIMIT 1", AccountKinds.User) is not null;

    /// <returns>The account with its id, or null if the name is taken.</returns>
    public static async ValueTask<AccountRow?> AddAsync(Session session, AccountRow account)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO account (
                kind, name, full_name, email, password_hash, role, is_disabled, expires_at, owner_id, may_make_robots,
                makes_public, created_at, created_by, is_email_verified, repository, version)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1)
            ON CONFLICT DO NOTHING RETURNING id
            """,
            account.Kind, account.Name, account.FullName, account.Email, account.PasswordHash, account.Role,
            account.IsDisabled ? 1 : 0, account.ExpiresAt?.ToUnixTimeMilliseconds(), account.OwnerId,
            account.MayMakeRobots ? 1 : 0, account.MakesPublic ? 1 : 0, account.CreatedAt.ToUnixTimeMilliseconds(),
            account.CreatedBy, account.IsEmailVerified ? 1 : 0, account.Repository);
        return id is { } added ? account with { Id = added, Version = 1 } : null;
    }

    /// <summary>Writes everything but name, kind and origin. The version grows.</summary>
    public static async ValueTask<AccountRow> UpdateAsync(Session session, AccountRow account)
    {
        await session.RunAsync(
            """
            UPDATE account SET full_name = $2, email = $3, password_hash = $4, role = $5, is_disabled = $6,
                expires_at = $7, may_make_robots = $8, makes_public = $9, is_email_verified = $10, version = version + 1
            WHERE id = $1
            """,
            account.Id, account.FullName, account.Email, account.PasswordHash, account.Role,
            account.IsDisabled ? 1 : 0, account.ExpiresAt?.ToUnixTimeMilliseconds(), account.MayMakeRobots ? 1 : 0,
            account.MakesPublic ? 1 : 0, account.IsEmailVerified ? 1 : 0);
        return account with { Version = account.Version + 1 };
    }

    /// <summary>Removes an account with all that it was given.</summary>
    public static async ValueTask RemoveAsync(Session session, long id)
    {
        await SecondFactorTable.RemoveAllAsync(session, id);
        await StarTable.RemoveAllAsync(session, id);
        foreach (var statement in Removals) await session.RunAsync(statement, id);
    }

    private static AccountRow Read(DbDataReader row) => new(row.GetInt64(0), row.GetString(1), row.GetString(2))
    {
        FullName = row.TextOrNull(3),
        Email = row.TextOrNull(4),
        PasswordHash = row.TextOrNull(5),
        Role = row.TextOrNull(6),
        IsDisabled = row.GetInt64(7) != 0,
        ExpiresAt = row.TimeOrNull(8),
        OwnerId = row.NumberOrNull(9),
        MayMakeRobots = row.GetInt64(10) != 0,
        MakesPublic = row.GetInt64(11) != 0,
        CreatedAt = row.Time(12),
        CreatedBy = row.GetString(13),
        Version = row.GetInt64(14),
        IsEmailVerified = row.GetInt64(15) != 0,
        HasSecondFactor = row.GetInt64(16) != 0,
        Repository = row.TextOrNull(17),
    };
}
