using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What came of verifying a signature, as the table has it.</summary>
internal static class SignatureVerdicts
{
    public const string Verified = "verified";

    /// <summary>It is broken, or about another image.</summary>
    public const string Failed = "failed";

    /// <summary>Nobody who is trusted made it.</summary>
    public const string Untrusted = "untrusted";

    /// <summary>It is not verified yet, or no longer by what counts now. Not in the table.</summary>
    public const string Pending = "pending";
}

/// <summary>What came of verifying a signature.</summary>
/// <param name="Layer">The layer that holds it.</param>
/// <param name="Verdict">One of <see cref="SignatureVerdicts"/>.</param>
/// <param name="Kind">By which rules.</param>
internal sealed record SignatureResult(string Layer, string Verdict, string Kind)
{
    public string? Signer { get; init; }

    public string? Issuer { get; init; }

    /// <summary>The entry that says to trust the signer.</summary>
    public string? TrustedBy { get; init; }

    /// <summary>The namespace of that entry; empty: the registry's.</summary>
    public string? TrustedIn { get; init; }

    public string? PredicateType { get; init; }

    public DateTimeOffset? SignedAt { get; init; }

    /// <summary>Who says when it was signed.</summary>
    public string? TimeSource { get; init; }

    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Why it does not count; null if it does.</summary>
    public string? Fault { get; init; }

    /// <summary>Whether it is a verified signature of an image. An attestation says something about one, which may be
    /// that it is bad.</summary>
    public bool IsSignature => Verdict == SignatureVerdicts.Verified && PredicateType is null;
}

/// <summary>A signature that lies beside an image.</summary>
/// <param name="Artifact">The manifest that holds it.</param>
/// <param name="Subject">What that is about: the image, or an index that has it.</param>
/// <param name="Tag">The tag that attaches it; empty if it names its subject.</param>
/// <param name="State">How far it is verified: one of <see cref="ArtifactStates"/>.</param>
/// <param name="Versions">What it was verified by.</param>
/// <param name="Result">What came of it; null if nothing is known.</param>
internal sealed record FoundSignature(
    Digest Artifact, Digest Subject, string Tag, string State, TrustVersions Versions, DateTimeOffset? CheckedAt,
    SignatureResult? Result);

/// <summary>What came of verifying signatures.</summary>
internal static class SignatureResultTable
{
    /// <summary>How many indexes within indexes a signature reaches through.</summary>
    private const int MaxDepth = 4;

    public static ValueTask<int> ClearAsync(Session session, long artifact) =>
        session.RunAsync("DELETE FROM signature_result WHERE artifact_id = $1", artifact);

    /// <summary>Replaces what came of a manifest's signatures, unless the manifest was forgotten.</summary>
    public static async ValueTask ReplaceAsync(Session session, long artifact, IReadOnlyList<SignatureResult> results)
    {
        await ClearAsync(session, artifact);
        await session.RunEachAsync(
            """
            INSERT INTO signature_result (artifact_id, position, layer, verdict, kind, signer, issuer, trusted_by,
                trusted_in, predicate_type, signed_at, time_source, warnings, fault)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CAST($11 AS BIGINT), $12, $13, $14
            WHERE EXISTS (SELECT 1 FROM signed_artifact WHERE id = $1)
            """,
            [.. results.Select((one, position) => new object?[]
            {
                artifact, (long)position, one.Layer, one.Verdict, one.Kind, one.Signer, one.Issuer, one.TrustedBy,
                one.TrustedIn, one.PredicateType, one.SignedAt?.ToUnixTimeMilliseconds(), one.TimeSource,
                string.Join('\n', one.Warnings), one.Fault,
            })]);
    }

    /// <summary>The signatures of a manifest, and of the indexes here that have it: verified ones first, then the
    /// newest. Only what is still there counts, whatever was noted of it.</summary>
    /// <param name="session">A read.</param>
    /// <param name="repositoryId">Where.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="onlyVerified">Whether others are left out.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<FoundSignature>> FindAsync(
        Session session, long repositoryId, Digest digest, bool onlyVerified, int count) => session.AllAsync(
        $"""
        WITH RECURSIVE whole (digest, depth) AS (
            SELECT m.digest, 0 FROM manifest m WHERE m.repository_id = $1 AND m.digest = $2
            UNION
            SELECT i.digest, w.depth + 1 FROM whole w
            JOIN manifest_reference r ON r.repository_id = $1 AND r.target_digest = w.digest AND r.kind = 'Child'
            JOIN manifest i ON i.repository_id = $1 AND i.digest = r.manifest_digest
            WHERE w.depth < {MaxDepth}
        )
        SELECT a.digest, a.subject_digest, a.tag, a.state, a.registry_trust, a.namespace_trust, a.checked_at,
            s.layer, s.verdict, s.kind, s.signer, s.issuer, s.trusted_by, s.trusted_in, s.predicate_type, s.signed_at,
            s.time_source, s.warnings, s.fault
        FROM (SELECT DISTINCT digest FROM whole) AS w
        JOIN signed_artifact a ON a.repository_id = $1 AND a.subject_digest = w.digest AND a.state <> 'none'
        JOIN manifest m ON m.repository_id = $1 AND m.digest = a.digest
        LEFT JOIN signature_result s ON s.artifact_id = a.id
        WHERE (a.tag <> '' OR m.subject_digest = a.subject_digest)
            AND (a.tag = '' OR EXISTS (SELECT 1 FROM tag t
                WHERE t.repository_id = $1 AND t.name = a.tag AND t.digest = a.digest))
            AND ($3 = 0 OR (a.state = 'read' AND s.verdict = 'verified'))
        ORDER BY CASE WHEN a.state <> 'read' OR COALESCE(s.verdict, '') <> 'verified' THEN 2
            WHEN s.predicate_type IS NULL THEN 0 ELSE 1 END, a.id DESC, s.position
        LIMIT $4
        """,
        Read, repositoryId, digest.Text, onlyVerified ? 1L : 0L, (long)count);

    private static FoundSignature Read(DbDataReader row) => new(
        Digest.Parse(row.GetString(0)), Digest.Parse(row.GetString(1)), row.GetString(2), row.GetString(3),
        new TrustVersions(row.GetInt64(4), row.GetInt64(5)), row.TimeOrNull(6),
        row.IsDBNull(7) ? null : new SignatureResult(row.GetString(7), row.GetString(8), row.GetString(9))
        {
            Signer = row.TextOrNull(10),
            Issuer = row.TextOrNull(11),
            TrustedBy = row.TextOrNull(12),
            TrustedIn = row.TextOrNull(13),
            PredicateType = row.TextOrNull(14),
            SignedAt = row.TimeOrNull(15),
            TimeSource = row.TextOrNull(16),
            Warnings = row.GetString(17).Split('\n', StringSplitOptions.RemoveEmptyEntries),
            Fault = row.TextOrNull(18),
        });
}
