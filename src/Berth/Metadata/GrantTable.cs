namespace Berth.Metadata;

/// <summary>A grant, as it is stored.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Account">The account that has it, by name; null if a team has it.</param>
/// <param name="Team">The team that has it, as <c>organization/team</c>; or null.</param>
/// <param name="Pattern">In which repositories.</param>
/// <param name="Actions">Names of actions with commas between.</param>
/// <param name="CreatedAt">When it was given.</param>
/// <param name="CreatedBy">By whom.</param>
internal sealed record GrantRow(
    long Id, string? Account, string? Team, string Pattern, string Actions, DateTimeOffset CreatedAt, string CreatedBy);

/// <summary>A part of what an account may do.</summary>
/// <param name="Pattern">In which repositories; for a membership, the organization's name.</param>
/// <param name="Actions">Names of actions; for a membership, the role.</param>
/// <param name="Team">The team through which, as <c>organization/team</c>; or null.</param>
/// <param name="IsMembership">Whether it comes with being a member of an organization.</param>
internal sealed record HeldGrant(string Pattern, string Actions, string? Team, bool IsMembership);

/// <summary>What accounts and teams may do in repositories.</summary>
internal static class GrantTable
{
    private const string Columns =
        """
        g.id, a.name, CASE WHEN t.id IS NULL THEN NULL ELSE o.name || '/' || t.name END, g.pattern, g.actions,
        g.created_at, g.created_by
        FROM access_grant g LEFT JOIN account a ON a.id = g.account_id LEFT JOIN team t ON t.id = g.team_id
        LEFT JOIN account o ON o.id = t.organization_id
        """;

    /// <summary>Everything an account holds: by itself, through its teams, and as a member of organizations.</summary>
    public static ValueTask<List<HeldGrant>> HeldByAsync(Session session, long accountId) => session.AllAsync(
        """
        SELECT pattern, actions, NULL, 0 FROM access_grant WHERE account_id = $1
        UNION ALL
        SELECT g.pattern, g.actions, o.name || '/' || t.name, 0
        FROM access_grant g JOIN team t ON t.id = g.team_id JOIN account o ON o.id = t.organization_id
        WHERE g.team_id IN (
            SELECT team_id FROM team_member WHERE account_id = $1
            UNION SELECT tg.team_id FROM team_group tg JOIN account_group ag
                ON ag.source = tg.source AND lower(ag.name) = lower(tg.name) WHERE ag.account_id = $1)
        UNION ALL
        SELECT o.name, m.role, NULL, 1
        FROM organization_member m JOIN account o ON o.id = m.organization_id WHERE m.account_id = $1
        """,
        row => new HeldGrant(
            row.GetString(0), row.GetString(1), row.TextOrNull(2),
            Convert.ToInt64(row.GetValue(3)) != 0),
        accountId);

    public static ValueTask<GrantRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE g.id = $1", Read, id);

    /// <summary>The grants in a namespace with ids after one. An empty name: those that reach into several.</summary>
    public static ValueTask<List<GrantRow>> ListAsync(Session session, string space, long after, int count) =>
        session.AllAsync(
            $"SELECT {Columns} WHERE g.namespace = $1 AND g.id > $2 ORDER BY g.id LIMIT $3", Read, space, after, count);

    /// <summary>The grants that an account holds by itself.</summary>
    public static ValueTask<List<GrantRow>> ListOfAsync(Session session, long accountId) => session.AllAsync(
        $"SELECT {Columns} WHERE g.account_id = $1 ORDER BY g.pattern, g.id", Read, accountId);

    /// <summary>How many grants an account or a team holds in a namespace, besides one for a pattern.</summary>
    public static async ValueTask<long> CountAsync(
        Session session, long? accountId, long? teamId, string space, string pattern) => await session.NumberAsync(
        $"""
        SELECT count(*) FROM access_grant
        WHERE {(accountId is null ? "team_id" : "account_id")} = $1 AND namespace = $2 AND pattern <> $3
        """,
        accountId ?? teamId, space, pattern) ?? 0;

    /// <summary>Gives an account or a team a grant, in place of the one it has for the same pattern.</summary>
    /// <param name="session">The write.</param>
    /// <param name="accountId">The account, or null.</param>
    /// <param name="teamId">The team, if it is no account.</param>
    /// <param name="space">The pattern's namespace, or an empty string.</param>
    /// <param name="grant">What it may do where.</param>
    /// <returns>The id.</returns>
    public static async ValueTask<long> PutAsync(
        Session session, long? accountId, long? teamId, string space, GrantRow grant)
    {
        var (column, id) = accountId is not null ? ("account_id", accountId) : ("team_id", teamId);
        await session.RunAsync($"DELETE FROM access_grant WHERE {column} = $1 AND pattern = $2", id, grant.Pattern);
        return await session.NumberAsync(
            """
            INSERT INTO access_grant (account_id, team_id, namespace, pattern, actions, created_at, created_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
            """,
            accountId, teamId, space, grant.Pattern, grant.Actions, grant.CreatedAt.ToUnixTimeMilliseconds(),
            grant.CreatedBy) ?? 0;
    }

    public static async ValueTask<bool> RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM access_grant WHERE id = $1", id) > 0;

    private static GrantRow Read(System.Data.Common.DbDataReader row) => new(
        row.GetInt64(0), row.TextOrNull(1), row.TextOrNull(2),
        row.GetString(3), row.GetString(4), row.Time(5),
        row.GetString(6));
}
