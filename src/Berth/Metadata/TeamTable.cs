using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A team of an organization.</summary>
/// <param name="Id">Its number.</param>
/// <param name="OrganizationId">The organization.</param>
/// <param name="Name">Unique in the organization.</param>
/// <param name="Description">What it is for.</param>
internal sealed record TeamRow(long Id, long OrganizationId, string Name, string Description)
{
    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    /// <summary>Grows with each change.</summary>
    public long Version { get; init; } = 1;
}

/// <summary>A group of another directory.</summary>
internal sealed record GroupRow(string Source, string Name);

/// <summary>Teams, their members, and the groups whose members are members of them.</summary>
internal static class TeamTable
{
    private const string Columns = "id, organization_id, name, description, created_at, created_by, version";

    private static readonly string[] Removals =
    [
        "DELETE FROM access_grant WHERE team_id = $1",
        "DELETE FROM team_member WHERE team_id = $1",
        "DELETE FROM team_group WHERE team_id = $1",
        "DELETE FROM team WHERE id = $1",
    ];

    public static ValueTask<TeamRow?> FindAsync(Session session, long organizationId, string name) =>
        session.FirstAsync(
            $"SELECT {Columns} FROM team WHERE organization_id = $1 AND name = $2", Read, organizationId, name);

    public static ValueTask<List<TeamRow>> ListAsync(Session session, long organizationId, string last, int count) =>
        session.AllAsync(
            $"SELECT {Columns} FROM team WHERE organization_id = $1 AND name > $2 ORDER BY name LIMIT $3",
            Read, organizationId, last, count);

    /// <returns>The team with its id, or null if the name is taken.</returns>
    public static async ValueTask<TeamRow?> AddAsync(Session session, TeamRow team)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO team (organization_id, name, description, created_at, created_by, version)
            VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT DO NOTHING RETURNING id
            """,
            team.OrganizationId, team.Name, team.Description, team.CreatedAt.ToUnixTimeMilliseconds(), team.CreatedBy);
        return id is { } added ? team with { Id = added, Version = 1 } : null;
    }

    /// <summary>Writes the description. The version grows.</summary>
    public static async ValueTask<TeamRow> UpdateAsync(Session session, TeamRow team)
    {
        await session.RunAsync(
            "UPDATE team SET description = $2, version = version + 1 WHERE id = $1", team.Id, team.Description);
        return team with { Version = team.Version + 1 };
    }

    /// <summary>Removes a team with its grants.</summary>
    public static async ValueTask RemoveAsync(Session session, long id)
    {
        foreach (var statement in Removals) await session.RunAsync(statement, id);
    }

    /// <summary>Names of members after one.</summary>
    public static ValueTask<List<string>> MembersAsync(Session session, long id, string last, int count) =>
        session.AllAsync(
            """
            SELECT a.name FROM team_member m JOIN account a ON a.id = m.account_id
            WHERE m.team_id = $1 AND a.name > $2 ORDER BY a.name LIMIT $3
            """,
            row => row.GetString(0), id, last, count);

    public static async ValueTask AddMemberAsync(Session session, long id, long accountId) => await session.RunAsync(
        "INSERT INTO team_member (team_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, accountId);

    /// <summary>Whether somebody was added; members by a group are not.</summary>
    public static async ValueTask<bool> IsMemberAsync(Session session, long id, long accountId) =>
        await session.NumberAsync(
            "SELECT 1 FROM team_member WHERE team_id = $1 AND account_id = $2", id, accountId) is not null;

    public static async ValueTask<bool> RemoveMemberAsync(Session session, long id, long accountId) =>
        await session.RunAsync("DELETE FROM team_member WHERE team_id = $1 AND account_id = $2", id, accountId) > 0;

    public static ValueTask<List<GroupRow>> GroupsAsync(Session session, long id) => session.AllAsync(
        "SELECT source, name FROM team_group WHERE team_id = $1 ORDER BY source, name",
        row => new GroupRow(row.GetString(0), row.GetString(1)), id);

    public static async ValueTask AddGroupAsync(Session session, long id, GroupRow group) => await session.RunAsync(
        "INSERT INTO team_group (team_id, source, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        id, group.Source, group.Name);

    public static async ValueTask<bool> RemoveGroupAsync(Session session, long id, GroupRow group) =>
        await session.RunAsync(
            "DELETE FROM team_group WHERE team_id = $1 AND source = $2 AND name = $3",
            id, group.Source, group.Name) > 0;

    /// <summary>The numbers of a team's grants, after one.</summary>
    public static ValueTask<List<long>> GrantsAsync(Session session, long id, long after, int count) =>
        session.AllAsync(
            "SELECT id FROM access_grant WHERE team_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            row => row.GetInt64(0), id, after, count);

    private static TeamRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3))
    {
        CreatedAt = row.Time(4),
        CreatedBy = row.GetString(5),
        Version = row.GetInt64(6),
    };
}
