using Berth.Oci;

namespace Berth.Metadata;

/// <summary>The tags of repositories and the history of their moves.</summary>
internal sealed class TagTable(TimeProvider clock)
{
    public static ValueTask<string?> FindAsync(Session session, long repositoryId, Tag tag) => session.TextAsync(
        "SELECT digest FROM tag WHERE repository_id = $1 AND name = $2", repositoryId, tag.Text);

    /// <summary>Names after <paramref name="last"/> in ordinal order, skipping some first.</summary>
    public static ValueTask<List<string>> ListAsync(
        Session session, long repositoryId, string last, int count, int skip) =>
        session.AllAsync(
            "SELECT name FROM tag WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3 OFFSET $4",
            row => row.GetString(0), repositoryId, last, count, skip);

    public async ValueTask MoveAsync(Session session, long repositoryId, Tag tag, Digest digest, string actor)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await GarbageTable.ReviewTaggedAsync(session, repositoryId, tag.Text, digest.Text, now);
        var moved = await session.RunAsync(
            """
            INSERT INTO tag (repository_id, name, digest, moved_at, moved_by) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (repository_id, name) DO UPDATE
            SET digest = $3, moved_at = $4, moved_by = $5, is_subject_gone = 0
            WHERE tag.digest <> $3 OR tag.is_subject_gone = 1
            """,
            repositoryId, tag.Text, digest.Text, now, actor);
        if (moved > 0) await RecordAsync(session, repositoryId, tag.Text, digest.Text, now, actor);
    }

    /// <summary>Removes a tag, not what it points to. False if there was none.</summary>
    public async ValueTask<bool> RemoveAsync(Session session, long repositoryId, string tag, string actor)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await GarbageTable.ReviewTaggedAsync(session, repositoryId, tag, newDigest: "", now);
        var removed = await session.RunAsync(
            "DELETE FROM tag WHERE repository_id = $1 AND name = $2", repositoryId, tag);
        if (removed == 0) return false;
        await RecordAsync(session, repositoryId, tag, null, now, actor);
        return true;
    }

    /// <summary>Names of the tags that point to a manifest.</summary>
    public static ValueTask<List<string>> PointingToAsync(Session session, long repositoryId, Digest digest) =>
        session.AllAsync(
            "SELECT name FROM tag WHERE repository_id = $1 AND digest = $2",
            row => row.GetString(0), repositoryId, digest.Text);

    private static async ValueTask RecordAsync(
        Session session, long repositoryId, string tag, string? digest, long now, string actor) =>
        await session.RunAsync(
            "INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by) VALUES ($1, $2, $3, $4, $5)",
            repositoryId, tag, digest, now, actor);
}
