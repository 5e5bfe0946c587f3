namespace Berth.Metadata;

/// <summary>An account of another directory that a user signs in with.</summary>
/// <param name="Source">Which directory.</param>
/// <param name="Subject">Who it is there; never used for anyone else.</param>
/// <param name="AccountId">The user here.</param>
/// <param name="Name">What the directory calls them.</param>
/// <param name="LinkedAt">Since when.</param>
internal sealed record IdentityRow(
    string Source, string Subject, long AccountId, string Name, DateTimeOffset LinkedAt);

/// <summary>Which accounts of other directories users sign in with, and their groups there.</summary>
internal static class IdentityTable
{
    private const string Columns = "source, subject, account_id, name, linked_at";

    public static ValueTask<IdentityRow?> FindAsync(Session session, string source, string subject) =>
        session.FirstAsync(
            $"SELECT {Columns} FROM identity WHERE source = $1 AND subject = $2", Read, source, subject);

    public static ValueTask<List<IdentityRow>> ListAsync(Session session, long accountId) => session.AllAsync(
        $"SELECT {Columns} FROM identity WHERE account_id = $1 ORDER BY source, subject", Read, accountId);

    /// <summary>False if somebody else has it.</summary>
    public static async ValueTask<bool> AddAsync(Session session, IdentityRow identity) => await session.RunAsync(
        """
        INSERT INTO identity (source, subject, account_id, name, linked_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
        """,
        identity.Source, identity.Subject, identity.AccountId, identity.Name,
        identity.LinkedAt.ToUnixTimeMilliseconds()) > 0;

    public static async ValueTask<bool> RemoveAsync(
        Session session, long accountId, string source, string subject)
    {
        await session.RunAsync(
            "DELETE FROM account_group WHERE account_id = $1 AND source = $2", accountId, source);
        return await session.RunAsync(
            "DELETE FROM identity WHERE account_id = $1 AND source = $2 AND subject = $3",
            accountId, source, subject) > 0;
    }

    /// <summary>The names of an account's groups, each once.</summary>
    public static ValueTask<List<string>> GroupsOfAsync(Session session, long accountId) => session.AllAsync(
        "SELECT DISTINCT name FROM account_group WHERE account_id = $1 ORDER BY name",
        row => row.GetString(0), accountId);

    /// <summary>The names of the groups that one directory has told of.</summary>
    public static ValueTask<List<string>> GroupsOfAsync(Session session, long accountId, string source) =>
        session.AllAsync(
            "SELECT name FROM account_group WHERE account_id = $1 AND source = $2 ORDER BY name",
            row => row.GetString(0), accountId, source);

    /// <summary>Replaces an account's groups of one directory.</summary>
    public static async ValueTask SetGroupsAsync(
        Session session, long accountId, string source, IEnumerable<string> groups)
    {
        await session.RunAsync(
            "DELETE FROM account_group WHERE account_id = $1 AND source = $2", accountId, source);
        await session.RunEachAsync(
            "INSERT INTO account_group (account_id, source, name) VALUES ($1, $2, $3)",
            [.. groups.Distinct(StringComparer.Ordinal).Select(group => new object?[] { accountId, source, group })]);
    }

    private static IdentityRow Read(System.Data.Common.DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetString(3),
        row.Time(4));
}
