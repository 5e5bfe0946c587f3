using Berth.Oci;

namespace Berth.Metadata;

/// <summary>An image that policies are asked about.</summary>
/// <param name="Digest">Its manifest.</param>
/// <param name="MediaType">The type of that.</param>
/// <param name="Body">The bytes of that.</param>
/// <param name="PushedAt">When it was last pushed to the repository.</param>
/// <param name="PulledAt">When it was last pulled; null: never.</param>
/// <param name="BuiltAt">When it was built, by what it says.</param>
/// <param name="LabelsJson">The labels of its config as a JSON object; null if there are none.</param>
internal sealed record JudgedImageRow(
    Digest Digest, string MediaType, byte[] Body, DateTimeOffset PushedAt, DateTimeOffset? PulledAt,
    DateTimeOffset? BuiltAt, string? LabelsJson);

/// <summary>What policies want to know of images.</summary>
internal static class JudgedImageTable
{
    /// <summary>An index that has an image, and what is beside it, is rarely in more.</summary>
    private const int MaxIndexes = 20;

    /// <param name="session">A read.</param>
    /// <param name="repositoryId">Where.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="maxBytes">Larger ones are not read.</param>
    public static ValueTask<JudgedImageRow?> FindAsync(
        Session session, long repositoryId, Digest digest, long maxBytes = long.MaxValue) =>
        session.FirstAsync(
            """
            SELECT m.digest, m.media_type, b.body, m.pushed_at, m.pulled_at, b.built_at, b.labels
            FROM manifest m JOIN manifest_body b ON b.digest = m.digest
            WHERE m.repository_id = $1 AND m.digest = $2 AND m.size_bytes <= $3
            """,
            row => new JudgedImageRow(
                Digest.Parse(row.GetString(0)), row.GetString(1), (byte[])row.GetValue(2), row.Time(3),
                row.TimeOrNull(4), row.TimeOrNull(5), row.TextOrNull(6)),
            repositoryId, digest.Text, maxBytes);

    /// <summary>The images of a repository, in the order of their digests.</summary>
    public static ValueTask<List<Digest>> ListAsync(Session session, long repositoryId, string last, int count) =>
        session.AllAsync(
            $"""
            SELECT digest FROM manifest
            WHERE repository_id = $1 AND digest > $2
                AND media_type NOT IN ('{MediaTypes.OciIndex}', '{MediaTypes.DockerManifestList}')
            ORDER BY digest LIMIT $3
            """,
            row => Digest.Parse(row.GetString(0)), repositoryId, last, count);

    /// <summary>The manifests that indexes of a repository list, and these; those that are no indexes.</summary>
    public static async ValueTask<List<Digest>> ImagesOfAsync(
        Session session, long repositoryId, IEnumerable<string> digests, int count) => await session.AllAsync(
            $"""
            WITH RECURSIVE part (digest, depth) AS (
                SELECT m.digest, 0 FROM manifest m
                WHERE m.repository_id = $1 AND m.digest IN ({session.TextsIn("$2")})
                UNION
                SELECT m.digest, p.depth + 1 FROM part p
                CROSS JOIN manifest_reference r CROSS JOIN manifest m
                WHERE p.depth < 4 AND r.repository_id = $1 AND r.manifest_digest = p.digest AND r.kind = 'Child'
                    AND m.repository_id = $1 AND m.digest = r.target_digest)
            SELECT DISTINCT m.digest FROM part p JOIN manifest m ON m.repository_id = $1 AND m.digest = p.digest
            WHERE m.media_type NOT IN ('{MediaTypes.OciIndex}', '{MediaTypes.DockerManifestList}')
            ORDER BY m.digest LIMIT $3
            """,
            row => Digest.Parse(row.GetString(0)), repositoryId, Session.ToTexts(digests), count);

    /// <summary>The indexes of a repository that list a manifest.</summary>
    public static ValueTask<List<Digest>> IndexesWithAsync(Session session, long repositoryId, Digest digest) =>
        session.AllAsync(
            $"""
            SELECT manifest_digest FROM manifest_reference
            WHERE repository_id = $1 AND target_digest = $2 AND kind = 'Child'
            ORDER BY manifest_digest LIMIT {MaxIndexes}
            """,
            row => Digest.Parse(row.GetString(0)), repositoryId, digest.Text);

    /// <summary>Some of the tags of a manifest.</summary>
    public static ValueTask<List<string>> TagsOfAsync(
        Session session, long repositoryId, Digest digest, int count) => session.AllAsync(
        """
        SELECT name FROM tag WHERE repository_id = $1 AND (digest = $2 OR digest IN (
            SELECT manifest_digest FROM manifest_reference
            WHERE repository_id = $1 AND target_digest = $2 AND kind = 'Child'))
        ORDER BY name LIMIT $3
        """,
        row => row.GetString(0), repositoryId, digest.Text, count);

    /// <summary>The referrers of a manifest, the newest first.</summary>
    public static ValueTask<List<Digest>> ReferrersAsync(
        Session session, long repositoryId, Digest subject, int count) => session.AllAsync(
        """
        SELECT digest FROM manifest WHERE repository_id = $1 AND subject_digest = $2
        ORDER BY pushed_at DESC, digest LIMIT $3
        """,
        row => Digest.Parse(row.GetString(0)), repositoryId, subject.Text, count);
}
