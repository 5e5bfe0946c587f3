using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How far a manifest is verified that may be a signature, as the table has it.</summary>
internal static class ArtifactStates
{
    public const string Waiting = "waiting";
    public const string Read = "read";

    /// <summary>It is no signature.</summary>
    public const string None = "none";

    /// <summary>It was given up.</summary>
    public const string Fault = "fault";
}

/// <summary>A manifest that may be a signature of another.</summary>
/// <param name="Id">Its number.</param>
/// <param name="RepositoryId">Where it is.</param>
/// <param name="Repository">The name of that.</param>
/// <param name="Digest">Its manifest.</param>
/// <param name="Subject">What it is about.</param>
/// <param name="Attempts">How often it was begun in vain.</param>
/// <param name="Looks">How often its subject was not there.</param>
internal sealed record SignedArtifactRow(
    long Id, long RepositoryId, string Repository, Digest Digest, Digest Subject, long Attempts, long Looks);

/// <summary>The manifests that may be signatures of others, and how far they are verified.</summary>
internal static class SignedArtifactTable
{
    private const string Columns =
        """
        (repository_id, digest, subject_digest, tag, state, due_at, attempts, looks, registry_trust, namespace_trust)
        """;

    /// <summary>Notes that a manifest is to be verified, unless it was.</summary>
    /// <param name="session">The write that records it.</param>
    /// <param name="repositoryId">Where.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="subject">What it is about.</param>
    /// <param name="tag">The tag that says so; empty if it says so itself.</param>
    /// <param name="now">The time.</param>
    public static ValueTask<int> AddAsync(
        Session session, long repositoryId, string digest, Digest subject, string tag, DateTimeOffset now) =>
        session.RunAsync(
            $"""
            INSERT INTO signed_artifact {Columns} VALUES ($1, $2, $3, $4, 'waiting', $5, 0, 0, 0, 0)
            ON CONFLICT (repository_id, digest, tag) DO NOTHING
            """,
            repositoryId, digest, subject.Text, tag, now.ToUnixTimeMilliseconds());

    /// <summary>The same for what a tag points to now, if that is one of cosign.</summary>
    public static async ValueTask AddTagAsync(
        Session session, long repositoryId, string tag, string digest, DateTimeOffset now)
    {
        if (SubjectOf(tag) is { } subject) await AddAsync(session, repositoryId, digest, subject, tag, now);
    }

    /// <summary>The last of some repositories after one; null if there are none.</summary>
    public static ValueTask<long?> LastRepositoryAsync(Session session, long after, int count) => session.NumberAsync(
        "SELECT max(id) FROM (SELECT id FROM repository WHERE id > $1 ORDER BY id LIMIT $2) AS part", after, count);

    /// <summary>Notes manifests that nobody has noted, in some repositories: copied, restored or moved there. Returns
    /// how many, at most so many.</summary>
    public static async ValueTask<int> AddMissingAsync(
        Session session, long after, long last, int count, DateTimeOffset now)
    {
        var found = await session.AllAsync(
            """
            SELECT m.repository_id, m.digest, m.subject_digest, '' FROM repository r
            JOIN manifest m ON m.repository_id = r.id AND m.subject_digest IS NOT NULL
            WHERE r.id > $1 AND r.id <= $2 AND NOT EXISTS (SELECT 1 FROM signed_artifact a
                WHERE a.repository_id = m.repository_id AND a.digest = m.digest AND a.tag = '')
            LIMIT $3
            """,
            Read, after, last, count);
        found.AddRange(await session.AllAsync(
            """
            SELECT t.repository_id, t.digest, t.name, t.name FROM repository r
            JOIN tag t ON t.repository_id = r.id AND t.name > 'sha' AND t.name < 'shb'
                AND (t.name LIKE 'sha%-%.sig' OR t.name LIKE 'sha%-%.att')
            WHERE r.id > $1 AND r.id <= $2 AND NOT EXISTS (SELECT 1 FROM signed_artifact a
                WHERE a.repository_id = t.repository_id AND a.digest = t.digest AND a.tag = t.name)
            LIMIT $3
            """,
            Read, after, last, count));
        var added = 0;
        foreach (var (repository, digest, about, tag) in found)
        {
            var subject = tag.Length == 0 ? Digest.Parse(about) : SubjectOf(tag);
            if (subject is { } known) added += await AddAsync(session, repository, digest, known, tag, now);
        }

        return added;

        static (long, string, string, string) Read(System.Data.Common.DbDataReader row) =>
            (row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3));
    }

    /// <summary>The manifest that a tag of cosign says its own is a signature or an attestation of; null for other
    /// tags.</summary>
    public static Digest? SubjectOf(string tag) =>
        tag.EndsWith(".sig", StringComparison.Ordinal) || tag.EndsWith(".att", StringComparison.Ordinal)
            ? AttachmentTag.SubjectOf(tag) : null;

    /// <summary>Forgets manifests that are gone, among those with ids after one. Returns the last that was looked at;
    /// null at the end.</summary>
    public static async ValueTask<long?> RemoveGoneAsync(Session session, long after, int count)
    {
        var last = await session.NumberAsync(
            "SELECT max(id) FROM (SELECT id FROM signed_artifact WHERE id > $1 ORDER BY id LIMIT $2) AS part",
            after, count);
        if (last is null) return null;
        var gone = await session.AllAsync(
            """
            DELETE FROM signed_artifact WHERE id > $1 AND id <= $2 AND (
                (NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = signed_artifact.repository_id
                        AND m.digest = signed_artifact.digest)
                    AND NOT EXISTS (SELECT 1 FROM trash_manifest t
                        WHERE t.repository_id = signed_artifact.repository_id AND t.digest = signed_artifact.digest))
                OR (tag <> '' AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = signed_artifact.repository_id
                    AND t.name = signed_artifact.tag AND t.digest = signed_artifact.digest)))
            RETURNING id
            """,
            row => row.GetInt64(0), after, last);
        foreach (var id in gone) await SignatureResultTable.ClearAsync(session, id);
        return last;
    }

    /// <summary>
    /// Makes manifests due that were verified by an earlier state of the entries of the registry, or of a namespace,
    /// some at a time. Those that are verified stay so meanwhile, if entries were only added since. What the registry
    /// trusts stays verified whatever changes in a namespace: what that trusts, and may not any more, is told by a
    /// negative number, which is below all that counts. Returns how many.
    /// </summary>
    public static ValueTask<int> HastenAsync(Session session, TrustNumbers numbers, int count) =>
        numbers.Namespace.Length == 0
            ? session.RunAsync(
                """
                UPDATE signed_artifact SET due_at = 0, attempts = 0, looks = 0, registry_trust = $1,
                    state = CASE WHEN registry_trust >= $2 AND EXISTS (SELECT 1 FROM signature_result s
                        WHERE s.artifact_id = signed_artifact.id AND s.verdict = 'verified')
                        THEN state ELSE 'waiting' END
                WHERE id IN (SELECT id FROM signed_artifact WHERE registry_trust < $1 ORDER BY registry_trust, id
                    LIMIT $3)
                """,
                numbers.Present, numbers.Kept, count)
            : session.RunAsync(
                """
                UPDATE signed_artifact SET due_at = 0, attempts = 0, looks = 0,
                    namespace_trust = CASE WHEN namespace_trust >= $2 THEN CAST($1 AS BIGINT) ELSE -$1 END,
                    state = CASE WHEN EXISTS (SELECT 1 FROM signature_result s
                        WHERE s.artifact_id = signed_artifact.id AND s.verdict = 'verified'
                            AND (s.trusted_in = '' OR signed_artifact.namespace_trust >= $2))
                        THEN state ELSE 'waiting' END
                WHERE id IN (SELECT a.id FROM repository r
                    JOIN signed_artifact a ON a.repository_id = r.id
                        AND a.namespace_trust < $1 AND a.namespace_trust > -$1
                    WHERE r.name = $4 OR (r.name > $5 AND r.name < $6) LIMIT $3)
                """,
                numbers.Present, numbers.Kept, count, numbers.Namespace, numbers.Namespace + "/",
                numbers.Namespace + "0");

    /// <summary>Takes the manifest that is due longest, and puts it off meanwhile: if that kills the reader, others
    /// come first.</summary>
    /// <param name="session">A write.</param>
    /// <param name="now">The time.</param>
    /// <param name="until">When it is due again if it is not done then.</param>
    public static async ValueTask<SignedArtifactRow?> TakeAsync(
        Session session, DateTimeOffset now, DateTimeOffset until)
    {
        var id = await session.NumberAsync(
            $"""
            SELECT id FROM signed_artifact WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1{session.ForUpdateSkipLocked}
            """,
            now.ToUnixTimeMilliseconds());
        return id is null ? null : await session.FirstAsync(
            """
            UPDATE signed_artifact SET due_at = $2, attempts = attempts + 1 WHERE id = $1
            RETURNING id, repository_id, (SELECT r.name FROM repository r WHERE r.id = signed_artifact.repository_id),
                digest, subject_digest, attempts, looks
            """,
            row => new SignedArtifactRow(
                row.GetInt64(0), row.GetInt64(1), row.GetString(2), Digest.Parse(row.GetString(3)),
                Digest.Parse(row.GetString(4)), row.GetInt64(5), row.GetInt64(6)),
            id, until.ToUnixTimeMilliseconds());
    }

    /// <summary>Puts a manifest off: that was no attempt.</summary>
    public static ValueTask<int> PostponeAsync(Session session, long id, DateTimeOffset until) => session.RunAsync(
        "UPDATE signed_artifact SET attempts = attempts - 1, looks = looks + 1, due_at = $2 WHERE id = $1",
        id, until.ToUnixTimeMilliseconds());

    /// <summary>Ends with a manifest.</summary>
    /// <param name="session">A write.</param>
    /// <param name="id">Which.</param>
    /// <param name="state">One of <see cref="ArtifactStates"/>.</param>
    /// <param name="versions">What it was verified by.</param>
    /// <param name="now">The time.</param>
    /// <param name="until">When it is verified again; null: when what counts changes.</param>
    public static ValueTask<int> EndAsync(
        Session session, long id, string state, TrustVersions versions, DateTimeOffset now, DateTimeOffset? until) =>
        session.RunAsync(
            """
            UPDATE signed_artifact SET state = $2, attempts = 0, looks = 0, registry_trust = $3, namespace_trust = $4,
                checked_at = $5, due_at = $6
            WHERE id = $1
            """,
            id, state, versions.Registry, versions.Namespace, now.ToUnixTimeMilliseconds(),
            until?.ToUnixTimeMilliseconds() ?? long.MaxValue);
}
