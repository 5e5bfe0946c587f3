using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What was put into the trash at once.</summary>
internal static class TrashKinds
{
    public const string Tag = "tag";
    public const string Manifest = "manifest";
    public const string Repository = "repository";
}

/// <summary>Why something is in the trash.</summary>
internal static class TrashReasons
{
    /// <summary>Somebody deleted it.</summary>
    public const string Deleted = "deleted";

    /// <summary>No tag or index held it for <c>storage.maintenance.gc.untagged</c>.</summary>
    public const string Untagged = "untagged";

    /// <summary>A retention rule.</summary>
    public const string Retention = "retention";

    /// <summary>The time that its annotation, its label or a call said.</summary>
    public const string Expired = "expired";
}

/// <summary>An entry of the trash.</summary>
/// <param name="Id">Its number.</param>
/// <param name="RepositoryId">The repository, which still has its row.</param>
/// <param name="Repository">Its name.</param>
/// <param name="Kind">One of <see cref="TrashKinds"/>.</param>
/// <param name="Name">The tag or the digest; empty for a repository.</param>
/// <param name="Digest">The manifest that was deleted, or that the tag pointed to; null for a repository.</param>
/// <param name="Reason">One of <see cref="TrashReasons"/>.</param>
internal sealed record TrashRow(
    long Id, long RepositoryId, string Repository, string Kind, string Name, string? Digest, string Reason)
{
    public DateTimeOffset DeletedAt { get; init; }

    public string DeletedBy { get; init; } = "";

    /// <summary>When it goes for good.</summary>
    public DateTimeOffset PurgeAt { get; init; }

    /// <summary>Whether everyone could pull from the repository.</summary>
    public bool IsPublic { get; init; }
}

/// <summary>Some entries of the trash.</summary>
/// <param name="Condition">Which, in SQL, with the parameters $1 and $2.</param>
/// <param name="First">The first parameter.</param>
/// <param name="Last">The second.</param>
internal sealed record TrashScope(string Condition, object First, object Last)
{
    /// <summary>All there are.</summary>
    public static TrashScope All { get; } = new("t.id >= $1 AND t.id <= $2", 0L, long.MaxValue);

    /// <summary>Those of a repository, a namespace, or without either all.</summary>
    public static TrashScope Of(string? repository, string? space) => (repository ?? space) switch
    {
        null => All,
        var name when repository is not null => new("r.name >= $1 AND r.name <= $2", name, name),

        // Of names that begin with the namespace's, those that go on after a slash.
        var name => new("(r.name = $1 OR (r.name > $1 || '/' AND r.name < $2))", name.ToLowerInvariant(),
            name.ToLowerInvariant() + "0"),
    };

    /// <summary>Those from before a time, and what was found without tags since.</summary>
    public static TrashScope Before(long time) =>
        new("(t.deleted_at <= $1 OR t.reason = $2)", time, TrashReasons.Untagged);

    public static TrashScope Entry(long id) => new("t.id >= $1 AND t.id <= $2", id, id);
}

/// <summary>What was deleted and can be brought back. Times are milliseconds since 1970.</summary>
internal static class TrashTable
{
    private const string Columns =
        """
        t.id, t.repository_id, r.name, t.kind, t.name, t.digest, t.reason, t.deleted_at, t.deleted_by, t.purge_at,
            t.is_public
        FROM trash t JOIN repository r ON r.id = t.repository_id
        """;

    private const string ManifestColumns =
        "media_type, size_bytes, artifact_type, subject_digest, annotations, pushed_at, pushed_by, "
        + "expires_after_ms";

    public static ValueTask<TrashRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE t.id = $1", Read, id);

    /// <summary>Entries with ids before one, the newest first.</summary>
    public static ValueTask<List<TrashRow>> ListAsync(Session session, TrashScope scope, long before, int count) =>
        session.AllAsync(
            $"SELECT {Columns} WHERE {scope.Condition} AND t.id < $3 ORDER BY t.id DESC LIMIT $4",
            Read, scope.First, scope.Last, before, count);

    /// <summary>Entries that are to go for good, the first due first.</summary>
    public static ValueTask<List<TrashRow>> DueAsync(Session session, long before, int count) => session.AllAsync(
        $"SELECT {Columns} WHERE t.purge_at <= $1 ORDER BY t.purge_at, t.id LIMIT $2", Read, before, count);

    /// <summary>How many entries are to go for good.</summary>
    public static async ValueTask<long> CountDueAsync(Session session, long before) =>
        await session.NumberAsync("SELECT count(*) FROM trash WHERE purge_at <= $1", before) ?? 0;

    /// <summary>Makes entries due.</summary>
    /// <returns>How many.</returns>
    public static ValueTask<int> HastenAsync(Session session, TrashScope scope, long now) => session.RunAsync(
        $"""
        UPDATE trash SET purge_at = $3 WHERE purge_at > $3 AND id IN (
            SELECT t.id FROM trash t JOIN repository r ON r.id = t.repository_id WHERE {scope.Condition})
        """,
        scope.First, scope.Last, now);

    /// <summary>Adds an entry, without what is in it.</summary>
    /// <returns>Its id.</returns>
    public static async ValueTask<long> AddAsync(Session session, TrashRow row) => (await session.NumberAsync(
        """
        INSERT INTO trash (repository_id, kind, name, digest, reason, is_public, deleted_at, deleted_by, purge_at)
        SELECT $1, $2, $3, $4, $5, is_public, $6, $7, $8 FROM repository WHERE id = $1 RETURNING id
        """,
        row.RepositoryId, row.Kind, row.Name, row.Digest, row.Reason, row.DeletedAt.ToUnixTimeMilliseconds(),
        row.DeletedBy, row.PurgeAt.ToUnixTimeMilliseconds()))!.Value;

    /// <summary>Moves a tag to an entry. False if there is none.</summary>
    public static async ValueTask<bool> TakeTagAsync(Session session, long id, long repositoryId, string tag)
    {
        await session.RunAsync(
            """
            INSERT INTO trash_tag (trash_id, name, digest, moved_at, moved_by, pulled_at, is_pinned, expires_at)
            SELECT $1, name, digest, moved_at, moved_by, pulled_at, is_pinned, expires_at FROM tag
            WHERE repository_id = $2 AND name = $3
            """,
            id, repositoryId, tag);
        await SearchWordTable.RemoveTagAsync(session, repositoryId, tag);
        const string Delete = "DELETE FROM tag WHERE repository_id = $1 AND name = $2";
        return await session.RunAsync(Delete, repositoryId, tag) > 0;
    }

    /// <summary>Moves a manifest to an entry. Its tags and what else depends on it must be seen to before.</summary>
    public static async ValueTask TakeManifestAsync(Session session, long id, long repositoryId, Digest digest)
    {
        await session.RunAsync(
            $"""
            INSERT INTO trash_manifest (repository_id, digest, trash_id, {ManifestColumns}, review_since)
            SELECT repository_id, digest, $1, {ManifestColumns}, review_since FROM manifest
            WHERE repository_id = $2 AND digest = $3
            ON CONFLICT (repository_id, digest) DO UPDATE SET trash_id = excluded.trash_id
            """,
            id, repositoryId, digest.Text);
        await SearchWordTable.RemoveImageAsync(session, repositoryId, digest);
        await session.RunAsync(
            "DELETE FROM manifest WHERE repository_id = $1 AND digest = $2", repositoryId, digest.Text);
    }

    /// <summary>Moves all of a repository to an entry, and says in its tags' history why they went.</summary>
    public static async ValueTask TakeAllAsync(
        Session session, long id, long repositoryId, Actor actor, string action, long now)
    {
        await session.RunAsync(
            """
            INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by, address, action)
            SELECT repository_id, name, NULL, $2, $3, $4, $5 FROM tag WHERE repository_id = $1
            """,
            repositoryId, now, actor.Name, actor.Address, action);
        await session.RunAsync(
            """
            INSERT INTO trash_tag (trash_id, name, digest, moved_at, moved_by, pulled_at, is_pinned, expires_at)
            SELECT $1, name, digest, moved_at, moved_by, pulled_at, is_pinned, expires_at FROM tag
            WHERE repository_id = $2
            """,
            id, repositoryId);
        await session.RunAsync(
            $"""
            INSERT INTO trash_manifest (repository_id, digest, trash_id, {ManifestColumns}, review_since)
            SELECT repository_id, digest, $1, {ManifestColumns}, review_since FROM manifest WHERE repository_id = $2
            ON CONFLICT (repository_id, digest) DO UPDATE SET trash_id = excluded.trash_id
            """,
            id, repositoryId);
        await session.RunAsync("DELETE FROM tag WHERE repository_id = $1", repositoryId);
        await session.RunAsync("DELETE FROM manifest WHERE repository_id = $1", repositoryId);
        await session.RunAsync(
            "UPDATE repository_blob SET review_since = $2 WHERE repository_id = $1 AND condemned_at IS NULL",
            repositoryId, now);
        await session.RunAsync(
            "UPDATE repository SET deleted_at = $2, is_public = 0 WHERE id = $1", repositoryId, now);
    }

    /// <summary>
    /// Takes a tag that came back out of its entry. Makes it as pinned as it was, and lets it expire if that is still
    /// to come.
    /// </summary>
    public static async ValueTask ReturnTagAsync(Session session, long id, long repositoryId, string tag, long now)
    {
        await session.RunAsync(
            """
            UPDATE tag SET
                is_pinned = coalesce((SELECT t.is_pinned FROM trash_tag t WHERE t.trash_id = $1 AND t.name = $3), 0),
                expires_at = (SELECT t.expires_at FROM trash_tag t
                    WHERE t.trash_id = $1 AND t.name = $3 AND t.expires_at > $4)
            WHERE repository_id = $2 AND name = $3
            """,
            id, repositoryId, tag, now);
        await session.RunAsync("DELETE FROM trash_tag WHERE trash_id = $1 AND name = $2", id, tag);
    }

    /// <summary>The tags of an entry, with where they pointed.</summary>
    public static ValueTask<List<(string Name, string Digest)>> TagsAsync(Session session, long id, int count) =>
        session.AllAsync(
            "SELECT name, digest FROM trash_tag WHERE trash_id = $1 ORDER BY name LIMIT $2",
            row => (row.GetString(0), row.GetString(1)), id, count);

    /// <summary>The digests of some of an entry's manifests.</summary>
    public static ValueTask<List<string>> ManifestsAsync(Session session, long id, int count) => session.AllAsync(
        "SELECT digest FROM trash_manifest WHERE trash_id = $1 ORDER BY digest LIMIT $2",
        row => row.GetString(0), id, count);

    /// <summary>Those of these manifests that are in the trash.</summary>
    public static ValueTask<List<string>> FindAllAsync(
        Session session, long repositoryId, IEnumerable<string> digests) => session.AllAsync(
        $"SELECT digest FROM trash_manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})",
        row => row.GetString(0), repositoryId, Session.ToTexts(digests));

    /// <summary>Those of these manifests that are in the trash, with the entry that each is in.</summary>
    public static ValueTask<List<(string Digest, long Id)>> FindEntriesAsync(
        Session session, long repositoryId, IEnumerable<string> digests) => session.AllAsync(
        $"""
        SELECT digest, trash_id FROM trash_manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
        """,
        row => (row.GetString(0), row.GetInt64(1)), repositoryId, Session.ToTexts(digests));

    /// <summary>
    /// Takes a manifest that was just pushed again out of the trash. Returns the manifests that are still there because
    /// of it: its children, what refers to it, and what its attachments' tags hold, with those tags.
    /// </summary>
    public static async ValueTask<(List<string> Manifests, List<(string Name, string Digest)> Tags)> ForgetPushedAsync(
        Session session, long repositoryId, Digest digest)
    {
        var id = await session.NumberAsync(
            "DELETE FROM trash_manifest WHERE repository_id = $1 AND digest = $2 RETURNING trash_id",
            repositoryId, digest.Text);
        if (id is null) return ([], []);
        var tags = await session.AllAsync(
            $"""
            SELECT name, digest FROM trash_tag WHERE trash_id = $1 AND name IN ({session.TextsIn("$2")})
                AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = $3 AND t.name = trash_tag.name)
            """,
            row => (Name: row.GetString(0), Digest: row.GetString(1)),
            id, Session.ToTexts(AttachmentTag.NamesFor(digest)), repositoryId);
        var manifests = await session.AllAsync(
            $"""
            SELECT digest FROM trash_manifest WHERE repository_id = $1 AND (subject_digest = $2
                OR digest IN ({session.TextsIn("$3")})
                OR digest IN (SELECT target_digest FROM manifest_reference
                    WHERE repository_id = $1 AND manifest_digest = $2 AND kind IN ('Child', 'Mention')))
            """,
            row => row.GetString(0), repositoryId, digest.Text, Session.ToTexts(tags.Select(tag => tag.Digest)));
        return (manifests, tags);
    }

    /// <summary>
    /// Moves manifests back where they were. Those that had a tag, or were about to go since they had none, are looked
    /// at again after a while. All count as used now, so that no rule removes them at once.
    /// </summary>
    /// <returns>Blobs that they need and that are served again, and children that are still in the trash.</returns>
    public static async ValueTask<(List<string> Blobs, List<string> Children)> ReturnAsync(
        Session session, long repositoryId, IReadOnlyList<string> digests, long now)
    {
        var texts = Session.ToTexts(digests);
        await session.RunAsync(
            $"""
            INSERT INTO manifest (repository_id, digest, {ManifestColumns}, pulled_at, review_since)
            SELECT repository_id, digest, {ManifestColumns}, CAST($3 AS BIGINT),
                CASE WHEN review_since IS NULL AND NOT EXISTS (
                SELECT 1 FROM trash_tag t WHERE t.trash_id = m.trash_id AND t.digest = m.digest) THEN NULL
                ELSE CAST($3 AS BIGINT) END
            FROM trash_manifest m WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
            ON CONFLICT DO NOTHING
            """,
            repositoryId, texts, now);
        await session.RunAsync(
            $"DELETE FROM trash_manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})",
            repositoryId, texts);
        await SearchPendingTable.IndexImagesAsync(session, repositoryId, digests);
        var blobs = await session.AllAsync(
            $"""
            UPDATE repository_blob SET condemned_at = NULL, is_trashed = 0, review_since = condemned_at
            WHERE repository_id = $1 AND condemned_at IS NOT NULL
                AND digest IN (SELECT target_digest FROM manifest_reference
                    WHERE repository_id = $1 AND manifest_digest IN ({session.TextsIn("$2")}) AND kind <> 'Subject')
            RETURNING digest
            """,
            row => row.GetString(0), repositoryId, texts);
        var children = await session.AllAsync(
            $"""
            SELECT t.digest FROM trash_manifest t WHERE t.repository_id = $1
                AND t.digest IN (SELECT target_digest FROM manifest_reference WHERE repository_id = $1
                    AND manifest_digest IN ({session.TextsIn("$2")}) AND kind IN ('Child', 'Mention'))
            """,
            row => row.GetString(0), repositoryId, texts);
        return (blobs, children);
    }

    /// <summary>Ends an entry that has no manifests any more.</summary>
    public static async ValueTask RemoveAsync(Session session, TrashRow row)
    {
        await session.RunAsync("DELETE FROM trash_tag WHERE trash_id = $1", row.Id);
        await session.RunAsync("DELETE FROM trash WHERE id = $1", row.Id);

        // Another owner may have a repository of this name one day.
        if (row.Kind != TrashKinds.Repository) return;
        await DescribedRepositoryTable.ForgetPurgedAsync(session, row.RepositoryId);
        await session.RunAsync(
            """
            DELETE FROM tag_history WHERE repository_id = $1
                AND EXISTS (SELECT 1 FROM repository WHERE id = $1 AND deleted_at IS NOT NULL)
            """,
            row.RepositoryId);
    }

    /// <summary>Removes an entry for good, or some of its manifests.</summary>
    /// <param name="session">A write that excludes all others to the repository.</param>
    /// <param name="row">The entry.</param>
    /// <param name="count">The most manifests.</param>
    /// <returns>How many went. Fewer than the most: the entry is gone too.</returns>
    public static async ValueTask<int> PurgeAsync(Session session, TrashRow row, int count)
    {
        var digests = await ManifestsAsync(session, row.Id, count);
        if (digests.Count > 0) await PurgeAsync(session, row.RepositoryId, digests);
        if (digests.Count < count) await RemoveAsync(session, row);
        return digests.Count;
    }

    private static async ValueTask PurgeAsync(Session session, long repositoryId, IReadOnlyList<string> digests)
    {
        var texts = Session.ToTexts(digests);

        // What an index in another entry holds stays with that.
        var shared = await session.AllAsync(
            $"""
            UPDATE trash_manifest SET trash_id = (SELECT max(p.trash_id) FROM manifest_reference r
                JOIN trash_manifest p ON p.repository_id = r.repository_id AND p.digest = r.manifest_digest
                WHERE r.repository_id = $1 AND r.target_digest = trash_manifest.digest
                    AND r.kind IN ('Child', 'Mention') AND p.trash_id <> trash_manifest.trash_id)
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")}) AND EXISTS (SELECT 1
                FROM manifest_reference r
                JOIN trash_manifest p ON p.repository_id = r.repository_id AND p.digest = r.manifest_digest
                WHERE r.repository_id = $1 AND r.target_digest = trash_manifest.digest
                    AND r.kind IN ('Child', 'Mention') AND p.trash_id <> trash_manifest.trash_id)
            RETURNING digest
            """,
            row => row.GetString(0), repositoryId, texts);
        texts = Session.ToTexts(digests.Except(shared, StringComparer.Ordinal));

        // What another manifest in the trash needs too is found to be so when it is about to go.
        await session.RunAsync(
            $"""
            UPDATE repository_blob SET is_trashed = 0 WHERE repository_id = $1 AND is_trashed = 1
                AND digest IN (SELECT target_digest FROM manifest_reference
                    WHERE repository_id = $1 AND manifest_digest IN ({session.TextsIn("$2")}))
            """,
            repositoryId, texts);
        foreach (var (table, column) in new[]
            { ("manifest_reference", "manifest_digest"), ("trash_manifest", "digest") })
        {
            await session.RunAsync(
                $"DELETE FROM {table} WHERE repository_id = $1 AND {column} IN ({session.TextsIn("$2")})",
                repositoryId, texts);
        }

        await ManifestTable.RemoveUnusedBodiesAsync(session, texts);
    }

    private static TrashRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3), row.GetString(4),
        row.TextOrNull(5), row.GetString(6))
    {
        DeletedAt = row.Time(7),
        DeletedBy = row.GetString(8),
        PurgeAt = row.Time(9),
        IsPublic = Convert.ToInt64(row.GetValue(10)) != 0,
    };
}
