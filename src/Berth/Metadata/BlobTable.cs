using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A blob's link in a repository.</summary>
internal sealed record BlobLink(Digest Digest, long SizeBytes);

/// <summary>Which blobs answer in which repository.</summary>
internal sealed class BlobTable(Database database, RepositoryTable repositories, AnswerCache cache, TimeProvider clock)
{
    public ValueTask<BlobLink?> FindAsync(RepositoryName repository, Digest digest) => cache.GetOrLoadAsync(
        repository.Text,
        KeyOf(repository, digest),
        async () => await repositories.FindAsync(repository) is { } id
            ? await database.ReadAsync(s => FindAsync(s, id, digest))
            : null,
        _ => 32);

    public static async ValueTask<BlobLink?> FindAsync(Session session, long repositoryId, Digest digest) =>
        await session.NumberAsync(
            "SELECT size_bytes FROM repository_blob WHERE repository_id = $1 AND digest = $2",
            repositoryId, digest.Text) is { } size ? new BlobLink(digest, size) : null;

    /// <summary>Those of the blobs that are linked in a repository, and their sizes in bytes.</summary>
    public static async ValueTask<Dictionary<Digest, long>> FindAllAsync(
        Session session, long repositoryId, IEnumerable<Digest> digests)
    {
        var links = await session.AllAsync(
            $"""
            SELECT digest, size_bytes FROM repository_blob
            WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
            """,
            row => new BlobLink(Digest.Parse(row.GetString(0)), row.GetInt64(1)),
            repositoryId, Session.ToTexts(digests.Select(d => d.Text)));
        return links.ToDictionary(link => link.Digest, link => link.SizeBytes);
    }

    /// <summary>Names of repositories in which the blob is linked, some at most.</summary>
    public ValueTask<List<RepositoryName>> RepositoriesWithAsync(Digest digest, int count) =>
        database.ReadAsync(s => s.AllAsync(
            """
            SELECT r.name FROM repository_blob b JOIN repository r ON r.id = b.repository_id
            WHERE b.digest = $1 LIMIT $2
            """,
            row => RepositoryName.TryParse(row.GetString(0), out var name) ? name : default, digest.Text, count));

    /// <summary>Links a blob, and ends the upload that brought it, if any, in the same transaction.</summary>
    public async Task LinkAsync(RepositoryName repository, BlobLink blob, UploadId? upload)
    {
        await database.WriteAsync(
            async session =>
            {
                var id = await repositories.FindOrAddAsync(session, repository);
                await session.RunAsync(
                    """
                    INSERT INTO repository_blob (repository_id, digest, size_bytes, linked_at) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (repository_id, digest) DO UPDATE SET size_bytes = $3, linked_at = $4
                    """,
                    id, blob.Digest.Text, blob.SizeBytes, clock.GetUtcNow().ToUnixTimeMilliseconds());
                if (upload is not null) await session.RunAsync("DELETE FROM upload WHERE id = $1", upload.Value.Text);
                return true;
            },
            isDurable: false);
        cache.Forget(repository.Text, KeyOf(repository, blob.Digest));
    }

    /// <summary>Unlinks a blob. False if it was not linked.</summary>
    public async Task<bool> UnlinkAsync(RepositoryName repository, Digest digest)
    {
        if (await repositories.FindAsync(repository) is not { } id) return false;
        var removed = await database.WriteAsync(
            async session =>
            {
                await session.LockAsync(repository, isShared: false);
                await session.AnnounceAsync(AnswerCache.NoticeOf(repository.Text, [KeyOf(repository, digest)]));
                return await session.RunAsync(
                    "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2", id, digest.Text);
            },
            isDurable: true);
        cache.Forget(repository.Text, KeyOf(repository, digest));
        return removed > 0;
    }

    private static string KeyOf(RepositoryName repository, Digest digest) => $"{repository.Text}/blobs/{digest.Text}";
}
