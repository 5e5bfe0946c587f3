using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What a document says of a vulnerability of an image.</summary>
/// <param name="About">The image; empty: the document's subject, and what is in it.</param>
/// <param name="Names">The names of the vulnerability, in capitals, with spaces between them.</param>
/// <param name="Purls">Package URLs, each in a line; <see cref="ImageStatementTable.WholeImage"/>: all of its packages.
/// Behind <see cref="ImageStatementTable.OfImageItself"/>, they are of this image alone.</param>
/// <param name="Vex">not_affected or fixed; empty: it counts.</param>
/// <param name="Reason">Why they say so.</param>
/// <param name="SaidAt">When they said it, in milliseconds.</param>
internal sealed record ImageStatementRow(
    string About, string Names, string Purls, string Vex, string Reason, long SaidAt)
{
    /// <summary>How many characters it has.</summary>
    public int Chars => About.Length + Names.Length + Purls.Length + Reason.Length;
}

/// <summary>A statement that counts now.</summary>
/// <param name="Image">The image that it is about.</param>
/// <param name="IsDirect">Whether it is about this image alone, and not about an index that has it.</param>
/// <param name="Said">What it says.</param>
/// <param name="TrustedIn">The namespace whose entry says to trust the signer; empty: the registry's.</param>
/// <param name="Signer">Who signed it.</param>
/// <param name="Source">The manifest that holds it.</param>
internal sealed record FoundStatement(
    string Image, bool IsDirect, ImageStatementRow Said, string TrustedIn, string Signer, Digest Source);

/// <summary>What verified documents say of the vulnerabilities of images.</summary>
internal static class ImageStatementTable
{
    public const string WholeImage = "*";

    /// <summary>Before a package: what is said holds for the image that is named, and not for those that an index of
    /// that name has.</summary>
    public const string OfImageItself = "!";

    /// <summary>How many indexes within indexes a statement reaches through.</summary>
    private const int MaxDepth = 4;

    /// <summary>Replaces what a document says.</summary>
    public static async ValueTask ReplaceAsync(
        Session session, long repositoryId, Digest subject, Digest document, IReadOnlyList<ImageStatementRow> rows)
    {
        await session.RunAsync(
            "DELETE FROM image_statement WHERE repository_id = $1 AND subject_digest = $2 AND document = $3",
            repositoryId, subject.Text, document.Text);

        // Another node may read the same document at once, which is attached twice.
        await session.RunEachAsync(
            """
            INSERT INTO image_statement (repository_id, subject_digest, document, position, about, names, purls, vex,
                reason, said_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
            """,
            [.. rows.Select((one, position) => new object?[]
            {
                repositoryId, subject.Text, document.Text, (long)position, one.About, one.Names, one.Purls, one.Vex,
                one.Reason, one.SaidAt,
            })]);
    }

    /// <summary>Whether anything was ever said of images in a repository.</summary>
    public static async ValueTask<bool> IsAnyAsync(Session session, long repositoryId) => await session.NumberAsync(
        "SELECT 1 FROM image_statement WHERE repository_id = $1 LIMIT 1", repositoryId) is not null;

    /// <summary>
    /// What is said of an image now, the last first. The documents and what verifies them must be there still, and
    /// verified by what counts: what was written down is not enough.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="repositoryId">Where.</param>
    /// <param name="image">Its manifest.</param>
    /// <param name="kept">The numbers since when what was verified counts.</param>
    /// <param name="count">The most, of those that the registry trusts and of those that the namespace does: neither
    /// crowds out the other.</param>
    /// <param name="chars">The same, in characters.</param>
    public static ValueTask<List<FoundStatement>> FindAsync(
        Session session, long repositoryId, string image, TrustVersions kept, int count, long chars) =>
        session.AllAsync(
            $"""
            WITH RECURSIVE whole (image, digest, depth) AS (
                SELECT m.digest, m.digest, 0 FROM manifest m WHERE m.repository_id = $1 AND m.digest = $2
                UNION
                SELECT w.image, i.digest, w.depth + 1 FROM whole w
                JOIN manifest_reference r ON r.repository_id = $1 AND r.target_digest = w.digest AND r.kind = 'Child'
                JOIN manifest i ON i.repository_id = $1 AND i.digest = r.manifest_digest
                WHERE w.depth < {MaxDepth}
            ), part (image, digest) AS (SELECT DISTINCT image, digest FROM whole),
            written (subject, document) AS (
                SELECT DISTINCT t.subject_digest, t.document FROM (SELECT DISTINCT digest FROM part) w
                JOIN image_statement t ON t.repository_id = $1 AND t.subject_digest = w.digest
            ), proof (subject, document, trusted_in, signer, source) AS (
                SELECT d.subject, d.document, s.trusted_in, min(s.signer), min(a.digest) FROM written d
                {Verified("d.subject")} AND s.layer = d.document
                    AND (lower(s.predicate_type) LIKE '%openvex%' OR lower(s.predicate_type) LIKE '%csaf%')
                GROUP BY d.subject, d.document, s.trusted_in
                UNION ALL
                SELECT d.subject, d.document, s.trusted_in, min(s.signer), min(d.document) FROM written d
                JOIN manifest p ON p.repository_id = $1 AND p.digest = d.document AND p.subject_digest = d.subject
                {Verified("d.document")} AND s.predicate_type IS NULL
                GROUP BY d.subject, d.document, s.trusted_in
            ), said AS (
                SELECT part.image, CASE WHEN t.subject_digest = part.image OR t.about = part.image THEN 1 ELSE 0 END
                        AS is_direct,
                    t.about, t.names, t.purls, t.vex, t.reason, t.said_at, proof.trusted_in, proof.signer,
                    proof.source, t.document, t.position,
                    row_number() OVER last_first AS place,
                    sum(length(t.names) + length(t.purls) + length(t.reason)) OVER last_first AS chars
                FROM part JOIN proof ON proof.subject = part.digest
                JOIN image_statement t ON t.repository_id = $1 AND t.subject_digest = proof.subject
                    AND t.document = proof.document
                WHERE t.about = '' OR t.about IN (SELECT v.digest FROM part v WHERE v.image = part.image)
                WINDOW last_first AS (PARTITION BY part.image, proof.trusted_in
                    ORDER BY t.said_at DESC, t.document DESC, t.position DESC)
            )
            SELECT image, is_direct, about, names, purls, vex, reason, said_at, trusted_in, signer, source FROM said
            WHERE place <= $5 AND chars <= $6
            ORDER BY said_at DESC, document DESC, position DESC, trusted_in
            """,
            Read, repositoryId, image, kept.Registry, kept.Namespace, (long)count, chars);

    /// <summary>Forgets what documents say that are verified no more, among some after one. Returns the last that was
    /// looked at; null at the end.</summary>
    public static async ValueTask<(long Repository, string Subject, string Document)?> RemoveGoneAsync(
        Session session, (long Repository, string Subject, string Document) after, int count)
    {
        var keys = await session.AllAsync(
            """
            SELECT DISTINCT repository_id, subject_digest, document FROM image_statement
            WHERE (repository_id, subject_digest, document) > ($1, $2, $3)
            ORDER BY repository_id, subject_digest, document LIMIT $4
            """,
            row => (row.GetInt64(0), row.GetString(1), row.GetString(2)),
            after.Repository, after.Subject, after.Document, (long)count);
        await session.RunEachAsync(
            """
            DELETE FROM image_statement WHERE repository_id = $1 AND subject_digest = $2 AND document = $3
                AND NOT EXISTS (SELECT 1 FROM signed_artifact a JOIN signature_result s ON s.artifact_id = a.id
                    WHERE a.repository_id = $1 AND a.subject_digest = $2 AND s.layer = $3 AND s.verdict = 'verified')
                AND NOT EXISTS (SELECT 1 FROM signed_artifact a JOIN signature_result s ON s.artifact_id = a.id
                    WHERE a.repository_id = $1 AND a.subject_digest = $3 AND s.verdict = 'verified')
            """,
            [.. keys.Select(one => (object?[])[one.Item1, one.Item2, one.Item3])]);
        return keys.Count < count ? null : keys[^1];
    }

    /// <summary>Joins what was verified of a manifest, as far as it still counts.</summary>
    private static string Verified(string subject) =>
        $"""
        JOIN signed_artifact a ON a.repository_id = $1 AND a.subject_digest = {subject} AND a.state = 'read'
            AND a.registry_trust >= $3
        JOIN manifest m ON m.repository_id = $1 AND m.digest = a.digest
        JOIN signature_result s ON s.artifact_id = a.id AND s.verdict = 'verified' AND s.trusted_in IS NOT NULL
            AND (s.trusted_in = '' OR a.namespace_trust >= $4)
        WHERE (a.tag <> '' OR m.subject_digest = a.subject_digest)
            AND (a.tag = '' OR EXISTS (SELECT 1 FROM tag t
                WHERE t.repository_id = $1 AND t.name = a.tag AND t.digest = a.digest))
        """;

    private static FoundStatement Read(DbDataReader row) => new(
        row.GetString(0), Convert.ToInt64(row.GetValue(1)) != 0,
        new ImageStatementRow(
            row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6),
            row.GetInt64(7)),
        row.GetString(8), row.TextOrNull(9) ?? "", Digest.Parse(row.GetString(10)));
}
