namespace Berth.Metadata;

/// <summary>A move of a tag in some repository.</summary>
internal sealed record TagActivity(
    long Id, string Repository, bool IsPublic, string Tag, string? Digest, string Action, DateTimeOffset MovedAt,
    string MovedBy);

/// <summary>What happened lately in all repositories.</summary>
internal static class ActivityTable
{
    /// <summary>
    /// The moves of tags among the last so many with ids before one, the latest first. What happened before a
    /// repository began anew is not part of it, nor are signatures and the like.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="before">Only lower ids.</param>
    /// <param name="among">How many are looked at.</param>
    public static ValueTask<List<TagActivity>> ListAsync(Session session, long before, int among) =>
        session.AllAsync(
            $"""
            SELECT h.id, r.name, r.is_public, h.name, h.digest, h.action, h.moved_at, h.moved_by FROM (
                SELECT id, repository_id, name, digest, action, moved_at, moved_by FROM tag_history
                WHERE id < $1 ORDER BY id DESC LIMIT $2) h
            JOIN repository r ON r.id = h.repository_id AND r.deleted_at IS NULL AND r.created_at <= h.moved_at
            WHERE {TagTable.IsOwn("h.name")} ORDER BY h.id DESC
            """,
            row => new TagActivity(
                row.GetInt64(0), row.GetString(1), Convert.ToInt64(row.GetValue(2)) != 0, row.GetString(3),
                row.TextOrNull(4), row.TextOrNull(5) ?? (row.IsDBNull(4) ? TagActions.Delete : TagActions.Push),
                row.Time(6), row.GetString(7)),
            before, among);
}
