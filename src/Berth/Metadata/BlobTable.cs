using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A blob's link in a repository.</summary>
internal sealed record BlobLink(Digest Digest, long SizeBytes);

/// <summary>A link as the table has it, condemned or not.</summary>
internal readonly record struct KnownLink(long SizeBytes, bool IsCondemned);

/// <summary>
/// Which blobs are linked in which repository. A link that the collector has condemned is not there for anybody, except
/// for a manifest that is pushed: that brings it back.
/// </summary>
internal sealed class BlobTable(Database database, RepositoryTable repositories, AnswerCache cache, TimeProvider clock)
{
    private const string KeepStatement =
        """
        INSERT INTO blob (digest, size_bytes, stored_at) VALUES ($1, $2, $3)
        ON CONFLICT (digest) DO UPDATE SET size_bytes = $2, condemned_at = NULL, deleting_at = NULL
        """;

    private const string LinkStatement =
        """
        INSERT INTO repository_blob (repository_id, digest, size_bytes, linked_at, review_since)
        VALUES ($1, $2, $3, $4, $4)
        ON CONFLICT (repository_id, digest) DO UPDATE SET size_bytes = $3, linked_at = $4, review_since = $4,
            condemned_at = NULL, is_trashed = 0
        """;

    public ValueTask<BlobLink?> FindAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) => cache.GetOrLoadAsync(
            repository.Text,
            KeyOf(repository, digest),
            async () => await repositories.FindAsync(repository, cancellation) is { } id
                ? await database.ReadAsync(s => FindAsync(s, id, digest), cancellation)
                : null,
            _ => 32);

    public static async ValueTask<BlobLink?> FindAsync(Session session, long repositoryId, Digest digest) =>
        await session.NumberAsync(
            """
            SELECT size_bytes FROM repository_blob
            WHERE repository_id = $1 AND digest = $2 AND condemned_at IS NULL
            """,
            repositoryId, digest.Text) is { } size ? new BlobLink(digest, size) : null;

    /// <summary>Whether a blob should be in the store.</summary>
    public ValueTask<bool> IsRecordedAsync(Digest digest, CancellationToken cancellation) => database.ReadAsync(
        async session => await session.NumberAsync("SELECT 1 FROM blob WHERE digest = $1", digest.Text) is not null,
        cancellation);

    /// <summary>The blobs among these that are linked in a repository, condemned or not.</summary>
    public static async ValueTask<Dictionary<Digest, KnownLink>> FindAllAsync(
        Session session, long repositoryId, IEnumerable<Digest> digests)
    {
        var links = await session.AllAsync(
            $"""
            SELECT digest, size_bytes, condemned_at FROM repository_blob
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
            """,
            row => (Digest.Parse(row.GetString(0)), new KnownLink(row.GetInt64(1), !row.IsDBNull(2))),
            repositoryId, Session.ToTexts(digests.Select(d => d.Text)));
        return links.ToDictionary();
    }

    /// <summary>Names of repositories in which the blob is linked, up to a limit.</summary>
    public ValueTask<List<RepositoryName>> RepositoriesWithAsync(
        Digest digest, int count, CancellationToken cancellation) => database.ReadAsync(
            s => s.AllAsync(
                """
                SELECT r.name FROM repository_blob b JOIN repository r ON r.id = b.repository_id
                WHERE b.digest = $1 AND b.condemned_at IS NULL LIMIT $2
                """,
                row => RepositoryName.TryParse(row.GetString(0), out var name) ? name : default, digest.Text, count),
            cancellation);

    /// <summary>Whether a blob is linked in a repository.</summary>
    public static async ValueTask<bool> IsLinkedAsync(Session session, RepositoryName repository, Digest digest) =>
        await RepositoryTable.FindAsync(session, repository) is { } id
        && await FindAsync(session, id, digest) is not null;

    /// <summary>Records a blob that is in the store, or keeps it from being collected.</summary>
    public async ValueTask KeepAsync(Session session, BlobLink blob) => await session.RunAsync(
        KeepStatement, blob.Digest.Text, blob.SizeBytes, clock.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Records a blob that is in the store and that nothing links, so that the collector removes it.</summary>
    public async ValueTask AbandonAsync(Session session, BlobLink blob) => await session.RunAsync(
        """
        INSERT INTO blob (digest, size_bytes, stored_at, condemned_at) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING
        """,
        blob.Digest.Text, blob.SizeBytes, clock.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Whether a blob is linked in a repository, condemned or not.</summary>
    public static async ValueTask<bool> HasLinkAsync(Session session, long repositoryId, Digest digest) =>
        await session.NumberAsync(
            "SELECT 1 FROM repository_blob WHERE repository_id = $1 AND digest = $2",
            repositoryId, digest.Text) is not null;

    /// <summary>Links a blob that <see cref="KeepAsync"/> has recorded in the same write.</summary>
    public async ValueTask LinkAsync(Session session, long repositoryId, BlobLink blob) => await session.RunAsync(
        LinkStatement, repositoryId, blob.Digest.Text, blob.SizeBytes, clock.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Records and links blobs that are in the store, unless they are linked already.</summary>
    public async ValueTask LinkAllAsync(Session session, long repositoryId, IReadOnlyList<BlobLink> blobs)
    {
        var linked = await session.AllAsync(
            $"""
            SELECT digest FROM repository_blob
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")}) AND condemned_at IS NULL
            """,
            row => Digest.Parse(row.GetString(0)), repositoryId, Session.ToTexts(blobs.Select(b => b.Digest.Text)));
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var lacking = blobs.ExceptBy(linked, blob => blob.Digest).ToList();
        await session.RunEachAsync(
            KeepStatement, lacking.ConvertAll(blob => new object?[] { blob.Digest.Text, blob.SizeBytes, now }));
        await session.RunEachAsync(
            LinkStatement,
            lacking.ConvertAll(blob => new object?[] { repositoryId, blob.Digest.Text, blob.SizeBytes, now }));
    }

    /// <summary>
    /// Brings back the condemned links among these, which a manifest that is being pushed needs. Returns those.
    /// </summary>
    public static async ValueTask<List<Digest>> ReviveAsync(
        Session session, long repositoryId, IEnumerable<Digest> digests) => await session.AllAsync(
        $"""
        UPDATE repository_blob SET condemned_at = NULL, is_trashed = 0, review_since = condemned_at
        WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")}) AND condemned_at IS NOT NULL
        RETURNING digest
        """,
        row => Digest.Parse(row.GetString(0)), repositoryId, Session.ToTexts(digests.Select(d => d.Text)));

    /// <summary>
    /// Removes a link, or hides it if a manifest in the trash needs the blob. The blob itself is garbage if that was
    /// the last link.
    /// </summary>
    public async ValueTask UnlinkAsync(Session session, long repositoryId, Digest digest)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await GarbageTable.LockBlobsAsync(session, Session.ToTexts([digest.Text]));
        var hidden = await session.RunAsync(
            """
            UPDATE repository_blob SET condemned_at = $3, is_trashed = 1, review_since = NULL
            WHERE repository_id = $1 AND digest = $2 AND EXISTS (SELECT 1 FROM manifest_reference r
                JOIN trash_manifest t ON t.repository_id = r.repository_id AND t.digest = r.manifest_digest
                WHERE r.repository_id = $1 AND r.target_digest = $2 AND r.kind <> 'Subject')
            """,
            repositoryId, digest.Text, now);
        if (hidden > 0) return;
        await session.RunAsync(
            "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2", repositoryId, digest.Text);
        await GarbageTable.CondemnAsync(session, [digest.Text], now);
    }

    /// <summary>The cache key of a blob's link.</summary>
    public static string KeyOf(RepositoryName repository, Digest digest) => $"{repository.Text}/blobs/{digest.Text}";
}
