using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A repository, as its owners see it.</summary>
internal sealed record RepositoryRow(string Name, DateTimeOffset CreatedAt, bool IsPublic, bool IsEmpty);

/// <summary>What lies in a namespace: repositories, robots and grants.</summary>
internal static class NamespaceTable
{
    private const string Columns = "name, created_at, is_public, listed FROM repository";

    /// <summary>Whether anything was pushed to it, or is being pushed, or is in the trash.</summary>
    public static async ValueTask<bool> HasRepositoriesAsync(Session session, string space) =>
        await session.NumberAsync(
            """
            SELECT 1 FROM repository WHERE (name = $1 OR (name > $2 AND name < $3)) AND (deleted_at IS NULL
                OR EXISTS (SELECT 1 FROM trash t WHERE t.repository_id = repository.id))
            LIMIT 1
            """,
            space, space + "/", space + "0") is not null;

    /// <summary>Whether it has repositories, or somebody was granted something there.</summary>
    public static async ValueTask<bool> IsUsedAsync(Session session, string space) =>
        await HasRepositoriesAsync(session, space)
        || await session.NumberAsync("SELECT 1 FROM access_grant WHERE namespace = $1 LIMIT 1", space) is not null;

    /// <summary>Whether there is anything of that name: an owner, repositories, grants, or rules.</summary>
    public static async ValueTask<bool> ExistsAsync(Session session, string space) =>
        await IsUsedAsync(session, space)
        || await session.NumberAsync(
            """
            SELECT 1 WHERE EXISTS (SELECT 1 FROM account WHERE name = $1)
                OR EXISTS (SELECT 1 FROM tag_rule WHERE namespace = $1)
                OR EXISTS (SELECT 1 FROM trust_entry WHERE namespace = $1)
                OR EXISTS (SELECT 1 FROM policy WHERE namespace = $1)
                OR EXISTS (SELECT 1 FROM waiver WHERE namespace = $1)
            """,
            space) is not null;

    public static ValueTask<RepositoryRow?> FindAsync(Session session, string name) =>
        session.FirstAsync($"SELECT {Columns} WHERE name = $1 AND deleted_at IS NULL", Read, name);

    public static async ValueTask SetPublicAsync(Session session, string name, bool isPublic)
    {
        await session.RunAsync("UPDATE repository SET is_public = $2 WHERE name = $1", name, isPublic ? 1 : 0);

        // A trigger has noted that its words are to be shown or hidden.
        await session.WakeJobsAsync();
    }

    /// <summary>Removes an account with its robots, and all rights of others in its namespace.</summary>
    public static async ValueTask RemoveOwnerAsync(Session session, AccountRow account)
    {
        var robots = await session.AllAsync(
            "SELECT id, name FROM account WHERE owner_id = $1", row => (row.GetInt64(0), row.GetString(1)), account.Id);
        foreach (var (id, name) in robots)
        {
            await PinTable.RemoveOwnerAsync(session, name);
            await AccountTable.RemoveAsync(session, id);
        }

        await PinTable.RemoveOwnerAsync(session, account.Name);

        // Somebody else may have the name one day.
        await session.RunAsync("DELETE FROM access_grant WHERE namespace = $1", account.Name);
        await KeylessRuleTable.RemoveNamespaceAsync(session, account.Name);
        await TagRuleTable.RemoveNamespaceAsync(session, account.Name);
        await TrustTable.RemoveNamespaceAsync(session, account.Name);
        await PolicyTable.RemoveNamespaceAsync(session, account.Name);
        await AccountTable.RemoveAsync(session, account.Id);
    }

    /// <summary>The registry's own robots with names after one.</summary>
    public static ValueTask<List<string>> RegistryRobotsAsync(Session session, string last, int count) =>
        session.AllAsync(
            "SELECT name FROM account WHERE kind = $1 AND owner_id IS NULL AND name > $2 ORDER BY name LIMIT $3",
            row => row.GetString(0), AccountKinds.Robot, last, count);

    private static RepositoryRow Read(DbDataReader row) => new(
        row.GetString(0), row.Time(1),
        Convert.ToInt64(row.GetValue(2)) != 0, Convert.ToInt64(row.GetValue(3)) == 0);
}
