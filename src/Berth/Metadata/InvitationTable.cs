using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A link with which somebody may make an account, once.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">The name that the account gets; null: whoever has the link chooses.</param>
/// <param name="Email">The address that the account gets.</param>
internal sealed record InvitationRow(long Id, string? Name, string? Email)
{
    /// <summary>The organization of which they become a member, or null.</summary>
    public string? Organization { get; init; }

    /// <summary>Their role in it.</summary>
    public string? Role { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Invitations that nobody has used yet. Of the links, the table has only hashes.</summary>
internal static class InvitationTable
{
    private const string Rows =
        """
        SELECT i.id, i.name, i.email, o.name, i.role, i.created_at, i.created_by, i.expires_at
        FROM invitation i LEFT JOIN account o ON o.id = i.organization_id
        """;

    public static ValueTask<InvitationRow?> FindAsync(Session session, string hash) =>
        session.FirstAsync($"{Rows} WHERE i.hash = $1", Read, hash);

    public static ValueTask<InvitationRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"{Rows} WHERE i.id = $1", Read, id);

    /// <summary>Those with numbers above <paramref name="last"/>.</summary>
    public static ValueTask<List<InvitationRow>> ListAsync(Session session, long last, int count) =>
        session.AllAsync($"{Rows} WHERE i.id > $1 ORDER BY i.id LIMIT $2", Read, last, count);

    /// <param name="session">The change.</param>
    /// <param name="row">What is invited to.</param>
    /// <param name="organizationId">The organization's number, or null.</param>
    /// <param name="hash">The hash of the link's secret.</param>
    public static async ValueTask<InvitationRow> AddAsync(
        Session session, InvitationRow row, long? organizationId, string hash)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO invitation (hash, name, email, organization_id, role, created_at, created_by, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
            """,
            hash, row.Name, row.Email, organizationId, row.Role, row.CreatedAt.ToUnixTimeMilliseconds(), row.CreatedBy,
            row.ExpiresAt.ToUnixTimeMilliseconds());
        return row with { Id = id!.Value };
    }

    /// <summary>Whether one that has not expired is for an account of this name.</summary>
    public static async ValueTask<bool> IsForAsync(Session session, string name, DateTimeOffset now) =>
        await session.NumberAsync(
            "SELECT 1 FROM invitation WHERE name = $1 AND expires_at > $2 LIMIT 1",
            name, now.ToUnixTimeMilliseconds()) is not null;

    public static async ValueTask<bool> IsThereAsync(Session session, long id) =>
        await session.NumberAsync("SELECT 1 FROM invitation WHERE id = $1", id) is not null;

    public static async ValueTask<bool> RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM invitation WHERE id = $1", id) > 0;

    /// <summary>Deletes what expired before a time.</summary>
    public static ValueTask<int> RemoveExpiredAsync(Session session, DateTimeOffset before) =>
        session.RunAsync("DELETE FROM invitation WHERE expires_at < $1", before.ToUnixTimeMilliseconds());

    private static InvitationRow Read(DbDataReader row) => new(row.GetInt64(0), row.TextOrNull(1), row.TextOrNull(2))
    {
        Organization = row.TextOrNull(3),
        Role = row.TextOrNull(4),
        CreatedAt = row.Time(5),
        CreatedBy = row.GetString(6),
        ExpiresAt = row.Time(7),
    };
}
