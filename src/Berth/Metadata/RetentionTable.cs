using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A run of the rules that somebody asked for.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Repository">The only repository, or null.</param>
/// <param name="Namespace">The only namespace, or null.</param>
/// <param name="State">One of <see cref="CollectionStates"/>.</param>
/// <param name="Tags">How many tags went.</param>
/// <param name="Manifests">How many manifests went, with their tags or alone.</param>
internal sealed record RetentionRun(
    long Id, string? Repository, string? Namespace, string State, long Tags = 0, long Manifests = 0)
{
    public DateTimeOffset RequestedAt { get; init; }

    public string RequestedBy { get; init; } = "";

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it failed, so far as it did.</summary>
    public string? Error { get; init; }
}

/// <summary>What rules on tags look at, and runs of them.</summary>
internal static class RetentionTable
{
    /// <summary>The most runs that are kept.</summary>
    private const int Kept = 1000;

    private const string Columns =
        """
        id, repository, namespace, state, tags, manifests, requested_at, requested_by, started_at, ended_at, error
        FROM retention_run
        """;

    public static ValueTask<RetentionRun?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>Those with ids before one, the newest first.</summary>
    public static ValueTask<List<RetentionRun>> ListAsync(Session session, long before, int count) =>
        session.AllAsync($"SELECT {Columns} WHERE id < $1 ORDER BY id DESC LIMIT $2", Read, before, count);

    public static async ValueTask<RetentionRun> AddAsync(Session session, RetentionRun row)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO retention_run (repository, namespace, state, requested_at, requested_by, tags, manifests)
            VALUES ($1, $2, $3, $4, $5, 0, 0) RETURNING id
            """,
            row.Repository, row.Namespace, row.State, row.RequestedAt.ToUnixTimeMilliseconds(), row.RequestedBy);
        await session.RunAsync("DELETE FROM retention_run WHERE id <= $1 AND ended_at IS NOT NULL", id!.Value - Kept);
        return row with { Id = id.Value };
    }

    /// <summary>Writes how far it is.</summary>
    public static async ValueTask UpdateAsync(Session session, RetentionRun row) => await session.RunAsync(
        """
        UPDATE retention_run SET state = $2, started_at = $3, ended_at = $4, tags = $5, manifests = $6, error = $7
        WHERE id = $1
        """,
        row.Id, row.State, row.StartedAt?.ToUnixTimeMilliseconds(), row.EndedAt?.ToUnixTimeMilliseconds(),
        row.Tags, row.Manifests, row.Error);

    /// <summary>All tags of a repository, with what holds their images there besides.</summary>
    public static async ValueTask<List<TagRow>> TagsAsync(Session session, long repositoryId) =>
        await TagTable.ListAllRowsAsync(session, repositoryId);

    /// <summary>The images of a repository that are pinned, or hold a child that is.</summary>
    public static ValueTask<List<string>> PinnedAsync(
        Session session, long repositoryId, string repository, long now) => session.AllAsync(
        $"""
        SELECT m.digest FROM manifest m WHERE m.repository_id = $1 AND m.digest IN ({PinnedDigests})
        UNION
        SELECT r.manifest_digest FROM manifest_reference r
        WHERE r.repository_id = $1 AND r.kind = 'Child' AND r.target_digest IN ({PinnedDigests})
        """,
        row => row.GetString(0), repositoryId, repository, now);

    /// <summary>Manifests that no tag, index or subject holds, not used since a time.</summary>
    public static ValueTask<List<string>> UntaggedAsync(Session session, long repositoryId, long before) =>
        session.AllAsync(
            """
            SELECT m.digest FROM manifest m WHERE m.repository_id = $1 AND m.pushed_at <= $2
                AND coalesce(m.pulled_at, 0) <= $2 AND coalesce(m.review_since, 0) <= $2
                AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = $1 AND t.digest = m.digest)
                AND NOT EXISTS (SELECT 1 FROM manifest_reference r
                    JOIN manifest p ON p.repository_id = r.repository_id AND p.digest = r.manifest_digest
                    WHERE r.repository_id = $1 AND r.target_digest = m.digest AND r.kind IN ('Child', 'Mention')
                        AND r.manifest_digest <> m.digest)
                AND NOT EXISTS (SELECT 1 FROM manifest s
                    WHERE s.repository_id = $1 AND s.digest = m.subject_digest)
            ORDER BY m.digest
            """,
            row => row.GetString(0), repositoryId, before);

    /// <summary>
    /// The manifests among these that are in the registry: in any repository, since signatures may be kept apart from
    /// their images, or in a trash, from which they may come back.
    /// </summary>
    public static ValueTask<List<string>> SubjectsAsync(Session session, IEnumerable<string> digests) =>
        session.AllAsync(
            $"""
            WITH wanted (digest) AS ({session.TextsIn("$1")})
            SELECT digest FROM wanted WHERE EXISTS (SELECT 1 FROM manifest m WHERE m.digest = wanted.digest)
                OR EXISTS (SELECT 1 FROM trash_manifest t WHERE t.digest = wanted.digest)
            """,
            row => row.GetString(0), Session.ToTexts(digests));

    private const string PinnedDigests =
        """
        SELECT p.digest FROM pin p JOIN pin_list l ON l.name = p.list
        WHERE (p.repository = '' OR p.repository = $2) AND (l.expires_at IS NULL OR l.expires_at > $3)
        """;

    private static RetentionRun Read(DbDataReader row) => new(
        row.GetInt64(0), row.TextOrNull(1), row.TextOrNull(2), row.GetString(3), row.GetInt64(4), row.GetInt64(5))
    {
        RequestedAt = row.Time(6),
        RequestedBy = row.GetString(7),
        StartedAt = row.TimeOrNull(8),
        EndedAt = row.TimeOrNull(9),
        Error = row.TextOrNull(10),
    };
}
