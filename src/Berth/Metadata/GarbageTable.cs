using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A blob's link in a repository, or a manifest there, that the collector looks at.</summary>
internal sealed record GarbageCandidate(long RepositoryId, RepositoryName Repository, string Digest);

/// <summary>A blob that nothing links any more.</summary>
internal sealed record GarbageBlob(Digest Digest, long SizeBytes);

/// <summary>
/// What may be garbage. Whatever takes away the last use of something marks it for review here, in the same write, so
/// that the collector's work grows with the garbage. Times are milliseconds since 1970.
/// </summary>
internal static class GarbageTable
{
    /// <summary>
    /// A node that takes longer than half of this over the deletion of some blobs gives it up; after all of it, they
    /// may be pushed, or deleted by another node.
    /// </summary>
    public static readonly TimeSpan DeletionLimit = TimeSpan.FromMinutes(1);

    private const string IsNeeded =
        """
        EXISTS (SELECT 1 FROM manifest_reference r
            JOIN manifest m ON m.repository_id = r.repository_id AND m.digest = r.manifest_digest
            WHERE r.repository_id = $1 AND r.target_digest = repository_blob.digest AND r.kind <> 'Subject')
        """;

    /// <summary>The trash keeps the references of its manifests.</summary>
    private const string IsNeededByAny =
        """
        EXISTS (SELECT 1 FROM manifest_reference r WHERE r.repository_id = $1
            AND r.target_digest = repository_blob.digest AND r.kind <> 'Subject')
        """;

    /// <summary>Deletions that began before this have died with their node.</summary>
    public static long AbandonedBefore(DateTimeOffset now) => (now - DeletionLimit).ToUnixTimeMilliseconds();

    /// <summary>Marks a manifest that a tag has left.</summary>
    public static async ValueTask ReviewAsync(Session session, long repositoryId, string digest, long now) =>
        await session.RunAsync(
            "UPDATE manifest SET review_since = $3 WHERE repository_id = $1 AND digest = $2",
            repositoryId, digest, now);

    /// <summary>Marks the manifest of a tag that is being removed.</summary>
    public static async ValueTask ReviewTaggedAsync(Session session, long repositoryId, string tag, long now) =>
        await session.RunAsync(
            """
            UPDATE manifest SET review_since = $3 WHERE repository_id = $1
                AND digest = (SELECT digest FROM tag WHERE repository_id = $1 AND name = $2)
            """,
            repositoryId, tag, now);

    /// <summary>Marks the blobs that a manifest needs, which is being removed.</summary>
    public static async ValueTask ReviewNeedsAsync(Session session, long repositoryId, Digest digest, long now) =>
        await session.RunAsync(
            """
            UPDATE repository_blob SET review_since = $3 WHERE repository_id = $1 AND condemned_at IS NULL
                AND digest IN (SELECT target_digest FROM manifest_reference
                    WHERE repository_id = $1 AND manifest_digest = $2)
            """,
            repositoryId, digest.Text, now);

    /// <summary>
    /// The manifests that are there because of one: the children of an index, its referrers, and what cosign's tags and
    /// the tag of the referrers' fallback hold.
    /// </summary>
    public static ValueTask<List<string>> DependentsAsync(
        Session session, long repositoryId, Digest digest, IEnumerable<string> attachedDigests) => session.AllAsync(
        $"""
        SELECT digest FROM manifest WHERE repository_id = $1 AND digest <> $2 AND (subject_digest = $2
            OR digest IN (SELECT target_digest FROM manifest_reference
                WHERE repository_id = $1 AND manifest_digest = $2 AND kind IN ('Child', 'Mention'))
            OR digest IN ({session.TextsIn("$3")}))
        ORDER BY digest
        """,
        row => row.GetString(0), repositoryId, digest.Text, Session.ToTexts(attachedDigests));

    /// <summary>Links that came under review before a time, the oldest first.</summary>
    public static ValueTask<List<GarbageCandidate>> DueLinksAsync(Session session, long before, int count) =>
        CandidatesAsync(session, "repository_blob", "c.review_since", "", before, count);

    /// <summary>Links that were condemned before a time, the oldest first.</summary>
    public static ValueTask<List<GarbageCandidate>> CondemnedLinksAsync(Session session, long before, int count) =>
        CandidatesAsync(session, "repository_blob", "c.condemned_at", " AND c.is_trashed = 0", before, count);

    /// <summary>
    /// Takes links that are needed off the review, and condemns the others: also those that only the trash needs, which
    /// keeps them. Returns the condemned ones.
    /// </summary>
    /// <param name="session">A write that excludes all others to the repository.</param>
    /// <param name="repositoryId">The repository.</param>
    /// <param name="digests">The links.</param>
    /// <param name="before">Links that came under review since are left alone.</param>
    /// <param name="now">The time.</param>
    public static async ValueTask<List<string>> ReviewLinksAsync(
        Session session, long repositoryId, IReadOnlyList<string> digests, long before, long now)
    {
        var texts = Session.ToTexts(digests);

        // An older version may have linked it again without a mark.
        await session.RunAsync(
            $"""
            UPDATE repository_blob SET review_since = CASE WHEN {IsNeeded} THEN NULL ELSE linked_at END
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")}) AND review_since <= $3
                AND (linked_at > $3 OR {IsNeeded})
            """,
            repositoryId, texts, before);
        return await session.AllAsync(
            $"""
            UPDATE repository_blob SET condemned_at = $4, review_since = NULL,
                is_trashed = CASE WHEN {IsNeededByAny} THEN 1 ELSE 0 END
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")}) AND review_since <= $3
            RETURNING digest
            """,
            row => row.GetString(0), repositoryId, texts, before, now);
    }

    /// <summary>Removes condemned links, and condemns the blobs of which they were the last.</summary>
    /// <param name="session">A write that excludes all others to the repository.</param>
    /// <param name="repositoryId">The repository.</param>
    /// <param name="digests">The links.</param>
    /// <param name="before">Links that were condemned, or brought back, since are left alone.</param>
    /// <param name="now">The time.</param>
    public static async ValueTask<int> RemoveLinksAsync(
        Session session, long repositoryId, IReadOnlyList<string> digests, long before, long now)
    {
        var texts = Session.ToTexts(digests);
        await LockBlobsAsync(session, texts);

        // What an older version linked again, or pushed a manifest for, is not garbage.
        await session.RunAsync(
            $"""
            UPDATE repository_blob SET condemned_at = NULL, review_since = $3
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
                AND (linked_at > condemned_at OR {IsNeeded})
            """,
            repositoryId, texts, now);
        await session.RunAsync(
            $"""
            UPDATE repository_blob SET is_trashed = 1
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
                AND condemned_at IS NOT NULL AND {IsNeededByAny}
            """,
            repositoryId, texts);
        var removed = await session.AllAsync(
            $"""
            DELETE FROM repository_blob
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")}) AND condemned_at <= $3
                AND is_trashed = 0
            RETURNING digest
            """,
            row => row.GetString(0), repositoryId, texts, before);
        await CondemnAsync(session, removed, now);
        return removed.Count;
    }

    /// <summary>Condemns blobs, whose rows are locked, that nothing links any more.</summary>
    public static async ValueTask CondemnAsync(Session session, IReadOnlyList<string> digests, long now)
    {
        if (digests.Count == 0) return;
        var texts = Session.ToTexts(digests);

        await session.RunAsync(
            $"""
            UPDATE blob SET condemned_at = $2 WHERE digest IN ({session.TextsIn("$1")})
                AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest)
            """,
            texts, now);
    }

    /// <summary>
    /// Locks the rows of blobs, which whoever links them locks first too: so statements after this one see the links of
    /// concurrent pushes, and no two transactions wait for each other.
    /// </summary>
    public static async ValueTask LockBlobsAsync(Session session, string texts) => await session.AllAsync(
        $"SELECT digest FROM blob WHERE digest IN ({session.TextsIn("$1")}) ORDER BY digest{session.ForUpdate}",
        row => row.GetString(0), texts);

    /// <summary>
    /// Begins the deletion of condemned blobs: from here on, nobody pushes them until it has ended. Blobs that an
    /// upload is about to become are left out, and so are those that another node is deleting.
    /// </summary>
    /// <param name="session">A durable write.</param>
    /// <param name="digests">The blobs.</param>
    /// <param name="before">Blobs that were condemned since are left alone.</param>
    /// <param name="now">The time, which names this deletion.</param>
    public static async ValueTask<List<GarbageBlob>> BeginDeletingAsync(
        Session session, IEnumerable<Digest> digests, long before, DateTimeOffset now)
    {
        var locked = await session.AllAsync(
            $"""
            SELECT digest FROM blob WHERE digest IN ({session.TextsIn("$1")}) AND condemned_at <= $2
                AND (deleting_at IS NULL OR deleting_at <= $3){session.ForUpdateSkipLocked}
            """,
            row => row.GetString(0), Session.ToTexts(digests.Select(d => d.Text)), before, AbandonedBefore(now));
        return locked.Count == 0 ? [] : await session.AllAsync(
            $"""
            UPDATE blob SET deleting_at = $2 WHERE digest IN ({session.TextsIn("$1")})
                AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest)
                AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.digest = blob.digest)
                AND NOT EXISTS (SELECT 1 FROM store_hold h WHERE h.expires_at > $2)
                AND NOT EXISTS (SELECT 1 FROM journal_writer w WHERE w.is_behind = 1)
            RETURNING digest, size_bytes
            """,
            row => new GarbageBlob(Digest.Parse(row.GetString(0)), row.GetInt64(1)),
            Session.ToTexts(locked), now.ToUnixTimeMilliseconds());
    }

    /// <summary>The blobs among these that no row knows.</summary>
    public static async ValueTask<List<string>> UnknownAsync(Session session, IReadOnlyList<string> digests)
    {
        var known = await session.AllAsync(
            $"SELECT digest FROM blob WHERE digest IN ({session.TextsIn("$1")})",
            row => row.GetString(0), Session.ToTexts(digests));
        return [.. digests.Except(known, StringComparer.Ordinal)];
    }

    /// <summary>Records blobs of the store that no row knows, as condemned at a time.</summary>
    /// <returns>How many.</returns>
    public static ValueTask<int> AdoptAsync(
        Session session, IEnumerable<string> digests, long now, long condemnedAt) => session.RunAsync(
        $"""
        INSERT INTO blob (digest, size_bytes, stored_at, condemned_at)
        SELECT orphan.*, 0, $2, $3 FROM ({session.TextsIn("$1")}) AS orphan WHERE true
        ON CONFLICT DO NOTHING
        """,
        Session.ToTexts(digests), now, condemnedAt);

    /// <summary>Blobs that were condemned before a time, the oldest first, after one of them.</summary>
    public static ValueTask<List<(Digest Digest, long CondemnedAt)>> CondemnedBlobsAsync(
        Session session, long before, (Digest Digest, long CondemnedAt)? last, int count) => session.AllAsync(
        """
        SELECT digest, condemned_at FROM blob WHERE condemned_at <= $1 AND (condemned_at, digest) > ($2, $3)
        ORDER BY condemned_at, digest LIMIT $4
        """,
        row => (Digest.Parse(row.GetString(0)), row.GetInt64(1)),
        before, last?.CondemnedAt ?? -1, last?.Digest.Text ?? "", count);

    /// <summary>Ends the deletion of blobs that are gone from the store.</summary>
    public static async ValueTask<int> EndDeletingAsync(Session session, IEnumerable<Digest> digests, long began)
    {
        var gone = await session.AllAsync(
            $"DELETE FROM blob WHERE digest IN ({session.TextsIn("$1")}) AND deleting_at = $2 RETURNING digest",
            row => Digest.Parse(row.GetString(0)), Session.ToTexts(digests.Select(d => d.Text)), began);
        if (gone.Count > 0) await LayerIndexTable.RemoveAsync(session, gone);
        return gone.Count;
    }

    /// <summary>Manifests that came under review before a time, the oldest first.</summary>
    public static ValueTask<List<GarbageCandidate>> DueManifestsAsync(Session session, long before, int count) =>
        CandidatesAsync(session, "manifest", "c.review_since", "", before, count);

    /// <summary>Takes a manifest off the review if something holds it. False if it is garbage.</summary>
    /// <param name="session">A write that excludes all others to the repository.</param>
    /// <param name="repositoryId">The repository.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="before">One that came under review since is left alone.</param>
    public static async ValueTask<bool> IsHeldAsync(Session session, long repositoryId, Digest digest, long before)
    {
        var isDue = await session.NumberAsync(
            "SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2 AND review_since <= $3",
            repositoryId, digest.Text, before) is not null;
        if (!isDue) return true;
        var isHeld = await IsHeldAsync(session, repositoryId, digest);
        if (isHeld)
        {
            await session.RunAsync(
                "UPDATE manifest SET review_since = NULL WHERE repository_id = $1 AND digest = $2",
                repositoryId, digest.Text);
        }

        return isHeld;
    }

    /// <summary>
    /// Whether an index, a subject or a tag holds a manifest, or a cluster runs it: then it, or a child of it, is in a
    /// list of pins.
    /// </summary>
    public static async ValueTask<bool> IsHeldAsync(
        Session session, long repositoryId, Digest digest, bool exceptByTags = false) =>
        await session.NumberAsync(
            """
            SELECT 1 WHERE ($3 = 0 AND EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = $1 AND t.digest = $2))
                OR EXISTS (SELECT 1 FROM manifest_reference r
                    JOIN manifest p ON p.repository_id = r.repository_id AND p.digest = r.manifest_digest
                    WHERE r.repository_id = $1 AND r.target_digest = $2
                        AND r.kind IN ('Child', 'Mention') AND r.manifest_digest <> $2)
                OR EXISTS (SELECT 1 FROM manifest m JOIN manifest s
                        ON s.repository_id = m.repository_id AND s.digest = m.subject_digest
                    WHERE m.repository_id = $1 AND m.digest = $2)
            """,
            repositoryId, digest.Text, exceptByTags ? 1L : 0L) is not null
        || await PinTable.IsPinnedAsync(session, repositoryId, digest);

    private static ValueTask<List<GarbageCandidate>> CandidatesAsync(
        Session session, string table, string since, string filter, long before, int count) => session.AllAsync(
        $"""
        SELECT c.repository_id, r.name, c.digest FROM {table} c JOIN repository r ON r.id = c.repository_id
        WHERE {since} <= $1{filter} ORDER BY {since} LIMIT $2
        """,
        row => new GarbageCandidate(row.GetInt64(0), RepositoryName.Parse(row.GetString(1)), row.GetString(2)),
        before, count);
}
