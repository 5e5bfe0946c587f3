using System.Globalization;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Reads what a collection of garbage would find, without a mark on anything.</summary>
internal static class GarbageForecast
{
    /// <summary>Links that were condemned before a time, or came under review before another.</summary>
    public static ValueTask<List<GarbageCandidate>> LinksAsync(
        Session session, long condemnedBefore, long reviewedBefore) => session.AllAsync(
        """
        SELECT l.repository_id, r.name, l.digest FROM repository_blob l JOIN repository r ON r.id = l.repository_id
        WHERE l.condemned_at <= $1 AND l.is_trashed = 0
        UNION ALL
        SELECT l.repository_id, r.name, l.digest FROM repository_blob l JOIN repository r ON r.id = l.repository_id
        WHERE l.review_since <= $2
        """,
        row => new GarbageCandidate(row.GetInt64(0), RepositoryName.Parse(row.GetString(1)), row.GetString(2)),
        condemnedBefore, reviewedBefore);

    /// <summary>The blobs among these that no manifest of a repository needs, in the trash or not.</summary>
    public static ValueTask<List<string>> NotNeededAsync(
        Session session, long repositoryId, IReadOnlyList<string> digests) => session.AllAsync(
        $"""
        SELECT l.digest FROM repository_blob l
        WHERE l.repository_id = $1 AND l.digest IN ({session.TextsIn("$2")})
            AND NOT EXISTS (SELECT 1 FROM manifest_reference r WHERE r.repository_id = $1
                AND r.target_digest = l.digest AND r.kind <> 'Subject')
        """,
        row => row.GetString(0), repositoryId, Session.ToTexts(digests));

    /// <summary>Manifests that went into the trash, of entries that go before a time.</summary>
    public static ValueTask<List<GarbageCandidate>> TrashedAsync(Session session, long purgedBefore) =>
        session.AllAsync(
            """
            SELECT m.repository_id, r.name, m.digest FROM trash t JOIN trash_manifest m ON m.trash_id = t.id
            JOIN repository r ON r.id = m.repository_id WHERE t.purge_at <= $1
            """,
            row => new GarbageCandidate(row.GetInt64(0), RepositoryName.Parse(row.GetString(1)), row.GetString(2)),
            purgedBefore);

    /// <summary>
    /// The blobs that some manifests of a repository need, and no others: all, or only those that the trash has hidden
    /// since a while.
    /// </summary>
    public static ValueTask<List<string>> NeededOnlyByAsync(
        Session session, long repositoryId, IReadOnlyList<string> manifests, long hiddenBefore, bool isAll) =>
        session.AllAsync(
        $"""
        SELECT l.digest FROM repository_blob l
        WHERE l.repository_id = $1 AND (l.condemned_at <= $3 OR $4 = 1)
            AND l.digest IN (SELECT r.target_digest FROM manifest_reference r WHERE r.repository_id = $1
                AND r.kind <> 'Subject' AND r.manifest_digest IN ({session.TextsIn("$2")}))
            AND NOT EXISTS (SELECT 1 FROM manifest_reference r WHERE r.repository_id = $1
                AND r.target_digest = l.digest AND r.kind <> 'Subject'
                AND r.manifest_digest NOT IN ({session.TextsIn("$2")}))
        """,
        row => row.GetString(0), repositoryId, Session.ToTexts(manifests), hiddenBefore, isAll ? 1L : 0L);

    /// <summary>Blobs that nothing links any more, and their length in bytes.</summary>
    public static async ValueTask<(long Blobs, long Bytes)> CondemnedTotalAsync(Session session, long before) =>
        (await session.AllAsync(
            """
            SELECT count(*), CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM blob b
            WHERE b.condemned_at <= $1 AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = b.digest)
            """,
            row => (row.GetInt64(0), row.GetInt64(1)), before))[0];

    /// <summary>In how many repositories blobs are linked, and their lengths in bytes.</summary>
    public static ValueTask<List<(string Digest, long Links, long SizeBytes)>> CountLinksAsync(
        Session session, IEnumerable<string> digests) => session.AllAsync(
        $"""
        SELECT b.digest, b.size_bytes, count(*) FROM blob b JOIN repository_blob l ON l.digest = b.digest
        WHERE b.digest IN ({session.TextsIn("$1")}) GROUP BY b.digest, b.size_bytes
        """,
        row => (row.GetString(0), row.GetInt64(2), row.GetInt64(1)), Session.ToTexts(digests));

    /// <summary>The tags of a repository, with where they point.</summary>
    public static ValueTask<List<(string Name, string Digest)>> TagsAsync(Session session, long repositoryId) =>
        session.AllAsync(
            "SELECT name, digest FROM tag WHERE repository_id = $1",
            row => (row.GetString(0), row.GetString(1)), repositoryId);

    /// <summary>The manifests of a repository, with their subjects.</summary>
    public static ValueTask<List<(string Digest, string? Subject)>> ManifestsAsync(
        Session session, long repositoryId) => session.AllAsync(
            "SELECT digest, subject_digest FROM manifest WHERE repository_id = $1",
            row => (row.GetString(0), row.TextOrNull(1)), repositoryId);

    /// <summary>Which manifests of a repository hold which others.</summary>
    public static ValueTask<List<(string Parent, string Child)>> ChildrenAsync(Session session, long repositoryId) =>
        session.AllAsync(
            """
            SELECT manifest_digest, target_digest FROM manifest_reference
            WHERE repository_id = $1 AND kind IN ('Child', 'Mention')
            """,
            row => (row.GetString(0), row.GetString(1)), repositoryId);

    /// <summary>All blobs of a repository, with their lengths in bytes.</summary>
    public static ValueTask<List<(string Digest, long SizeBytes)>> BlobsAsync(Session session, long repositoryId) =>
        session.AllAsync(
            "SELECT digest, size_bytes FROM repository_blob WHERE repository_id = $1",
            row => (row.GetString(0), row.GetInt64(1)), repositoryId);

    /// <summary>The blobs that some manifests of a repository need, with their lengths in bytes.</summary>
    public static ValueTask<List<(string Digest, long SizeBytes)>> NeededByAsync(
        Session session, long repositoryId, IEnumerable<string> manifests) => session.AllAsync(
        $"""
        SELECT l.digest, l.size_bytes FROM repository_blob l
        WHERE l.repository_id = $1 AND l.digest IN (SELECT r.target_digest FROM manifest_reference r
            WHERE r.repository_id = $1 AND r.kind <> 'Subject'
                AND r.manifest_digest IN ({session.TextsIn("$2")}))
        """,
        row => (row.GetString(0), row.GetInt64(1)), repositoryId, Session.ToTexts(manifests));

    /// <summary>How many blobs, and references of manifests to others, a repository has.</summary>
    public static async ValueTask<long> CountSizeAsync(Session session, string repository) =>
        await session.NumberAsync(
            """
            SELECT (SELECT count(*) FROM repository_blob l WHERE l.repository_id = r.id)
                + (SELECT count(*) FROM manifest_reference m WHERE m.repository_id = r.id)
            FROM repository r WHERE r.name = $1
            """,
            repository) ?? 0;

    /// <summary>Whether a repository has more blobs, and references of manifests to others, than this.</summary>
    public static async ValueTask<bool> IsLargerAsync(Session session, string repository, long most) =>
        await session.NumberAsync(
            """
            SELECT (SELECT count(*) FROM (
                    SELECT 1 FROM repository_blob l WHERE l.repository_id = r.id LIMIT $2) b)
                + (SELECT count(*) FROM (
                    SELECT 1 FROM manifest_reference m WHERE m.repository_id = r.id LIMIT $2) f)
            FROM repository r WHERE r.name = $1
            """,
            repository, most + 1) > most;

    /// <summary>The links of some repositories to some blobs, with their lengths in bytes.</summary>
    public static ValueTask<List<(long RepositoryId, string Digest, long SizeBytes)>> LinkedAsync(
        Session session, IEnumerable<long> repositories, IEnumerable<string> digests) => session.AllAsync(
        $"""
        SELECT repository_id, digest, size_bytes FROM repository_blob
        WHERE digest IN ({session.TextsIn("$2")}) AND CAST(repository_id AS TEXT) IN ({session.TextsIn("$1")})
        """,
        row => (row.GetInt64(0), row.GetString(1), row.GetInt64(2)),
        Session.ToTexts(repositories.Select(id => id.ToString(CultureInfo.InvariantCulture))),
        Session.ToTexts(digests));

    /// <summary>Other repositories that have some of these blobs, with how many bytes, those with the most first.
    /// </summary>
    public static ValueTask<List<(long Id, string Name, long Bytes)>> HoldersAsync(
        Session session, IEnumerable<string> digests, IEnumerable<long> except, int count) => session.AllAsync(
        $"""
        SELECT r.id, r.name, CAST(sum(l.size_bytes) AS BIGINT) AS bytes FROM repository_blob l
        JOIN repository r ON r.id = l.repository_id
        WHERE l.digest IN ({session.TextsIn("$1")})
            AND CAST(r.id AS TEXT) NOT IN ({session.TextsIn("$2")})
        GROUP BY r.id, r.name ORDER BY bytes DESC, r.name LIMIT $3
        """,
        row => (row.GetInt64(0), row.GetString(1), row.GetInt64(2)),
        Session.ToTexts(digests), Session.ToTexts(except.Select(id => id.ToString(CultureInfo.InvariantCulture))),
        count);

    /// <summary>
    /// Some manifests of a repository that need some of these blobs: a tag that stays, else the digest, and
    /// whether it is in the trash.
    /// </summary>
    public static ValueTask<List<(string Reference, bool IsInTrash)>> UsersAsync(
        Session session, long repositoryId, IEnumerable<string> blobs, IEnumerable<string> except,
        IEnumerable<string> exceptTags, int count) =>
        session.AllAsync(
        $"""
        SELECT coalesce((SELECT min(t.name) FROM tag t WHERE t.repository_id = $1 AND t.digest = u.digest
                AND t.name NOT IN ({session.TextsIn("$5")})), u.digest),
            CASE WHEN EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = $1 AND m.digest = u.digest)
                THEN 0 ELSE 1 END
        FROM (SELECT DISTINCT r.manifest_digest AS digest FROM manifest_reference r
            WHERE r.repository_id = $1 AND r.kind <> 'Subject' AND r.target_digest IN ({session.TextsIn("$2")})
                AND r.manifest_digest NOT IN ({session.TextsIn("$3")}) LIMIT $4) u
        """,
        row => (row.GetString(0), Convert.ToInt64(row.GetValue(1)) != 0),
        repositoryId, Session.ToTexts(blobs), Session.ToTexts(except), count, Session.ToTexts(exceptTags));
}
