using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Which manifests come with an image, and which of them are worth the most.</summary>
internal static class AttachedDocumentTable
{
    /// <summary>
    /// Sorts manifests that come with an image: those that are told to be first, then the newest. Last is what the
    /// registry itself attached, whenever that was: whoever built the image knows more of it.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="repositoryId">Where.</param>
    /// <param name="image">The image.</param>
    /// <param name="found">What comes with it. Those that are not in the repository are left out.</param>
    /// <param name="first">Which of these are first.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<Digest>> SortAsync(
        Session session, long repositoryId, Digest image, IEnumerable<Digest> found, IEnumerable<Digest> first,
        int count) => session.AllAsync(
        $"""
        SELECT m.digest FROM manifest m
        WHERE m.repository_id = $1 AND m.digest IN ({session.TextsIn("$3")})
        ORDER BY CASE WHEN m.digest IN ({session.TextsIn("$4")}) THEN 0
            WHEN EXISTS (SELECT 1 FROM sbom_attachment s
                WHERE s.repository_id = $1 AND s.digest = $2 AND s.artifact = m.digest) THEN 2
            ELSE 1 END, m.pushed_at DESC, m.digest
        LIMIT $5
        """,
        row => Digest.Parse(row.GetString(0)), repositoryId, image.Text, TextsOf(found), TextsOf(first), (long)count);

    /// <summary>The referrers of an image that are themselves signed, as far as that still counts, the newest first.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="repositoryId">Where.</param>
    /// <param name="image">The image.</param>
    /// <param name="kept">The numbers since when what was verified counts.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<Digest>> SignedAsync(
        Session session, long repositoryId, Digest image, TrustVersions kept, int count) => session.AllAsync(
        """
        SELECT p.digest FROM manifest p
        JOIN signed_artifact a ON a.repository_id = $1 AND a.subject_digest = p.digest AND a.state = 'read'
            AND a.registry_trust >= $3
        JOIN manifest m ON m.repository_id = $1 AND m.digest = a.digest
        JOIN signature_result s ON s.artifact_id = a.id AND s.verdict = 'verified' AND s.predicate_type IS NULL
            AND (s.trusted_in = '' OR a.namespace_trust >= $4)
        WHERE p.repository_id = $1 AND p.subject_digest = $2 AND (a.tag <> '' OR m.subject_digest = a.subject_digest)
            AND (a.tag = '' OR EXISTS (SELECT 1 FROM tag t
                WHERE t.repository_id = $1 AND t.name = a.tag AND t.digest = a.digest))
        GROUP BY p.digest, p.pushed_at ORDER BY p.pushed_at DESC, p.digest LIMIT $5
        """,
        row => Digest.Parse(row.GetString(0)), repositoryId, image.Text, kept.Registry, kept.Namespace, (long)count);

    private static string TextsOf(IEnumerable<Digest> digests) =>
        Session.ToTexts(digests.Distinct().Select(one => one.Text));
}
