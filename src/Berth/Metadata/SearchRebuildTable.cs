using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A pass that compares the index of searches with what is stored, and mends it.</summary>
/// <param name="Position">The name of the repository that was looked at last; empty before the first.</param>
/// <param name="Repositories">How many were looked at.</param>
/// <param name="Tags">How many tags the index lacked.</param>
internal sealed record SearchRebuildRow(long Id, string RequestedBy, string Position, long Repositories, long Tags)
{
    public DateTimeOffset RequestedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }
}

/// <summary>A repository whose place in the index is looked at.</summary>
internal sealed record IndexedRepository(long Id, string Name)
{
    public const string Columns = "SELECT id, name, description, is_official FROM repository";

    public string? Description { get; init; }

    public bool IsOfficial { get; init; }

    public static IndexedRepository Read(DbDataReader row) => new(row.GetInt64(0), row.GetString(1))
    {
        Description = row.TextOrNull(2),
        IsOfficial = row.GetInt64(3) != 0,
    };
}

/// <summary>A word in the index.</summary>
internal sealed record IndexedWord(string Word, long Kind, string Source)
{
    /// <summary>Whether what it is of is gone.</summary>
    public bool IsStale { get; init; }

    /// <summary>Whether it has another namespace or visibility than its repository.</summary>
    public bool IsElsewhere { get; init; }
}

/// <summary>Passes over the index of searches, and what they ask of the tables.</summary>
internal static class SearchRebuildTable
{
    /// <summary>The most that are kept.</summary>
    private const int Kept = 100;

    private const string Columns =
        """
        id, requested_by, position, repositories, tags, requested_at, started_at, ended_at FROM search_rebuild
        """;

    public static ValueTask<SearchRebuildRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>The one that has not ended; null if there is none.</summary>
    public static ValueTask<SearchRebuildRow?> FindOpenAsync(Session session) =>
        session.FirstAsync($"SELECT {Columns} WHERE ended_at IS NULL ORDER BY id LIMIT 1", Read);

    /// <summary>Those with ids before one, the newest first.</summary>
    public static ValueTask<List<SearchRebuildRow>> ListAsync(Session session, long before, int count) =>
        session.AllAsync($"SELECT {Columns} WHERE id < $1 ORDER BY id DESC LIMIT $2", Read, before, count);

    /// <summary>Whether everything was looked at once, so that nothing is missing from before.</summary>
    public static async ValueTask<bool> IsWholeAsync(Session session) => await session.NumberAsync(
        "SELECT 1 FROM search_rebuild WHERE ended_at IS NOT NULL LIMIT 1") is not null;

    /// <summary>Records that one is wanted; one that waits or runs from its beginning is the same.</summary>
    public static async ValueTask<SearchRebuildRow> AddAsync(Session session, string requestedBy, DateTimeOffset now)
    {
        if (await FindOpenAsync(session) is { StartedAt: null } waiting) return waiting;
        var id = (await session.NumberAsync(
            "INSERT INTO search_rebuild (requested_at, requested_by) VALUES ($1, $2) RETURNING id",
            now.ToUnixTimeMilliseconds(), requestedBy))!.Value;
        await session.RunAsync("DELETE FROM search_rebuild WHERE id <= $1", id - Kept);
        return (await FindAsync(session, id))!;
    }

    /// <summary>Writes how far it is.</summary>
    public static async ValueTask UpdateAsync(Session session, SearchRebuildRow row) => await session.RunAsync(
        """
        UPDATE search_rebuild SET position = $2, repositories = $3, tags = $4, started_at = $5, ended_at = $6
        WHERE id = $1
        """,
        row.Id, row.Position, row.Repositories, row.Tags, row.StartedAt?.ToUnixTimeMilliseconds(),
        row.EndedAt?.ToUnixTimeMilliseconds());

    /// <summary>
    /// Repositories after one, in the order of their names; those in the trash too. Those of a namespace are near each
    /// other in the index.
    /// </summary>
    public static ValueTask<List<IndexedRepository>> RepositoriesAsync(Session session, string after, int count) =>
        session.AllAsync(
            $"{IndexedRepository.Columns} WHERE name > $1 ORDER BY name LIMIT $2", IndexedRepository.Read, after,
            count);

    /// <summary>Words of a repository after one, in their order, and what is wrong with them.</summary>
    public static ValueTask<List<IndexedWord>> WordsAsync(
        Session session, long repositoryId, IndexedWord? last, int count) => session.AllAsync(
            session.Translate(
                """
                SELECT s.word, s.kind, s.source,
                    CASE WHEN s.kind = 4 AND NOT EXISTS (SELECT 1 FROM tag t
                            WHERE t.repository_id = s.repository_id AND t.name = s.source) THEN 1
                        WHEN s.kind >= 5 AND NOT EXISTS (SELECT 1 FROM manifest m
                            WHERE m.repository_id = s.repository_id AND m.search_set = s.source) THEN 1 ELSE 0 END,
                    CASE WHEN s.is_public <> r.is_public OR s.namespace <> {namespace of r.name} THEN 1 ELSE 0 END
                FROM search_word s CROSS JOIN repository r
                WHERE r.id = $1 AND s.repository_id = $1 AND (s.word, s.kind, s.source) > ($2, $3, $4)
                ORDER BY s.word, s.kind, s.source LIMIT $5
                """),
            row => new IndexedWord(row.GetString(0), row.GetInt64(1), row.GetString(2))
            {
                IsStale = row.GetInt32(3) != 0,
                IsElsewhere = row.GetInt32(4) != 0,
            },
            repositoryId, last?.Word ?? "", last?.Kind ?? 0L, last?.Source ?? "", count);

    /// <summary>Tags of a repository after one, and whether the index lacks them.</summary>
    public static ValueTask<List<(string Name, bool IsMissing)>> TagsAsync(
        Session session, long repositoryId, string last, int count) => session.AllAsync(
            """
            SELECT t.name, CASE WHEN EXISTS (SELECT 1 FROM search_word s
                WHERE s.repository_id = $1 AND s.word = lower(t.name) AND s.kind = 4 AND s.source = t.name)
                THEN 0 ELSE 1 END
            FROM tag t WHERE t.repository_id = $1 AND t.name > $2 ORDER BY t.name LIMIT $3
            """,
            row => (row.GetString(0), row.GetInt32(1) != 0), repositoryId, last, count);

    /// <summary>
    /// Manifests of a repository after one, their sets, and whether the index does not know what they say, or has lost
    /// it.
    /// </summary>
    public static ValueTask<List<(string Digest, string? Set, bool IsMissing)>> ImagesAsync(
        Session session, long repositoryId, string last, int count) => session.AllAsync(
            """
            SELECT m.digest, m.search_set, CASE WHEN m.search_set IS NULL THEN 1
                WHEN EXISTS (SELECT 1 FROM search_word s
                    WHERE s.repository_id = $1 AND s.kind >= 5 AND s.source = m.search_set) THEN 0
                WHEN m.artifact_type IS NOT NULL OR EXISTS (SELECT 1 FROM manifest_body b WHERE b.digest = m.digest
                    AND (b.platforms <> '' OR b.labels IS NOT NULL)) THEN 1 ELSE 0 END
            FROM manifest m WHERE m.repository_id = $1 AND m.digest > $2 ORDER BY m.digest LIMIT $3
            """,
            row => (row.GetString(0), row.TextOrNull(1), row.GetInt32(2) != 0), repositoryId, last, count);

    private static SearchRebuildRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4))
    {
        RequestedAt = row.Time(5),
        StartedAt = row.TimeOrNull(6),
        EndedAt = row.TimeOrNull(7),
    };
}
