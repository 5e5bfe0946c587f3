using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A member of an organization.</summary>
/// <param name="Name">The user.</param>
/// <param name="Role">What they are in it.</param>
/// <param name="AddedAt">Since when they are a member.</param>
/// <param name="AddedBy">Who added them.</param>
internal sealed record MemberRow(string Name, string Role, DateTimeOffset AddedAt, string AddedBy);

/// <summary>What an account is in an organization.</summary>
internal sealed record MembershipRow(string Organization, string Role);

/// <summary>Who belongs to organizations.</summary>
internal static class OrganizationTable
{
    private const string MemberColumns =
        """
        a.name, m.role, m.added_at, m.added_by
        FROM organization_member m JOIN account a ON a.id = m.account_id
        """;

    /// <summary>Names of the organizations that an account is a member of, after one.</summary>
    public static ValueTask<List<string>> ListOfAsync(Session session, long accountId, string last, int count) =>
        session.AllAsync(
            """
            SELECT o.name FROM organization_member m JOIN account o ON o.id = m.organization_id
            WHERE m.account_id = $1 AND o.name > $2 ORDER BY o.name LIMIT $3
            """,
            row => row.GetString(0), accountId, last, count);

    /// <summary>All organizations that an account is a member of, and what it is in them.</summary>
    public static ValueTask<List<MembershipRow>> MembershipsAsync(Session session, long accountId) => session.AllAsync(
        """
        SELECT o.name, m.role FROM organization_member m JOIN account o ON o.id = m.organization_id
        WHERE m.account_id = $1 ORDER BY o.name
        """,
        row => new MembershipRow(row.GetString(0), row.GetString(1)), accountId);

    /// <summary>What an account is in an organization; null if it is no member.</summary>
    public static ValueTask<string?> RoleOfAsync(Session session, string organization, long accountId) =>
        session.TextAsync(
            """
            SELECT m.role FROM organization_member m JOIN account o ON o.id = m.organization_id
            WHERE o.name = $1 AND m.account_id = $2
            """,
            organization, accountId);

    /// <summary>The members with names after one.</summary>
    public static ValueTask<List<MemberRow>> MembersAsync(Session session, long id, string last, int count) =>
        session.AllAsync(
            $"SELECT {MemberColumns} WHERE m.organization_id = $1 AND a.name > $2 ORDER BY a.name LIMIT $3",
            Read, id, last, count);

    public static ValueTask<MemberRow?> FindMemberAsync(Session session, long id, string name) =>
        session.FirstAsync($"SELECT {MemberColumns} WHERE m.organization_id = $1 AND a.name = $2", Read, id, name);

    /// <summary>How many owners an organization has that could act.</summary>
    public static async ValueTask<long> CountOwnersAsync(Session session, long id, DateTimeOffset now) =>
        await session.NumberAsync(
        """
        SELECT count(*) FROM organization_member m JOIN account a ON a.id = m.account_id
        WHERE m.organization_id = $1 AND m.role = 'owner' AND a.is_disabled = 0
            AND (a.expires_at IS NULL OR a.expires_at > $2)
        """,
        id, now.ToUnixTimeMilliseconds()) ?? 0;

    /// <summary>Adds a member, or changes what they are.</summary>
    public static async ValueTask PutMemberAsync(
        Session session, long id, long accountId, string role, DateTimeOffset now, string by) =>
        await session.RunAsync(
            """
            INSERT INTO organization_member (organization_id, account_id, role, added_at, added_by)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organization_id, account_id) DO UPDATE SET role = excluded.role
            """,
            id, accountId, role, now.ToUnixTimeMilliseconds(), by);

    /// <summary>Removes a member, from the organization's teams too.</summary>
    public static async ValueTask RemoveMemberAsync(Session session, long id, long accountId)
    {
        await session.RunAsync(
            """
            DELETE FROM team_member WHERE account_id = $2
            AND team_id IN (SELECT id FROM team WHERE organization_id = $1)
            """,
            id, accountId);
        await session.RunAsync(
            "DELETE FROM organization_member WHERE organization_id = $1 AND account_id = $2", id, accountId);
    }

    private static MemberRow Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.Time(2),
        row.GetString(3));
}
