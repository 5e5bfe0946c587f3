using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What is known of a manifest besides its bytes.</summary>
/// <param name="ContentBytes">Of an index, with its children; null while that was not read.</param>
/// <param name="Tags">The tags that point to it.</param>
/// <param name="Children">What is known of an index's children that are here, by their digests.</param>
internal sealed record ImageRow(
    string? ArtifactType, DateTimeOffset PushedAt, string PushedBy, DateTimeOffset? PulledAt, long? ContentBytes,
    List<string> Tags, Dictionary<string, ChildRow> Children);

/// <summary>A child of an index.</summary>
internal sealed record ChildRow(string Platforms, long? ContentBytes);

/// <summary>What pages say of an image.</summary>
internal static class ImageTable
{
    /// <summary>Names of repositories that have a manifest, in their order, up to a limit.</summary>
    public static ValueTask<List<string>> RepositoriesWithAsync(Session session, Digest digest, int count) =>
        session.AllAsync(
            """
            SELECT r.name FROM manifest m JOIN repository r ON r.id = m.repository_id
            WHERE m.digest = $1 ORDER BY r.name LIMIT $2
            """,
            row => row.GetString(0), digest.Text, count);

    /// <param name="session">A read.</param>
    /// <param name="repository">The repository's name.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="maxTags">The most tags.</param>
    public static async ValueTask<ImageRow?> FindAsync(
        Session session, string repository, Digest digest, int maxTags)
    {
        if (await RepositoryTable.FindAsync(session, RepositoryName.Parse(repository)) is not { } id) return null;
        var children = await session.AllAsync(
            """
            SELECT b.digest, coalesce(b.platforms, ''), b.content_bytes FROM manifest_reference r
            JOIN manifest m ON m.repository_id = r.repository_id AND m.digest = r.target_digest
            JOIN manifest_body b ON b.digest = r.target_digest
            WHERE r.repository_id = $1 AND r.manifest_digest = $2 AND r.kind = 'Child'
            """,
            row => (Digest: row.GetString(0), Child: new ChildRow(
                row.GetString(1), row.IsDBNull(2) ? null : row.GetInt64(2))),
            id, digest.Text);
        var tags = await session.AllAsync(
            "SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name LIMIT $3",
            row => row.GetString(0), id, digest.Text, maxTags);
        return await session.FirstAsync(
            """
            SELECT m.artifact_type, m.pushed_at, m.pushed_by, m.pulled_at, b.content_bytes
            FROM manifest m JOIN manifest_body b ON b.digest = m.digest
            WHERE m.repository_id = $1 AND m.digest = $2
            """,
            row => new ImageRow(
                row.TextOrNull(0), row.Time(1), row.GetString(2), row.TimeOrNull(3),
                row.IsDBNull(4) ? null : row.GetInt64(4) + children.Sum(one => one.Child.ContentBytes ?? 0),
                tags, children.ToDictionary(one => one.Digest, one => one.Child)),
            id, digest.Text);
    }
}
