using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What is known of a manifest besides its bytes.</summary>
/// <param name="ContentBytes">Of an index, with its children; null while that was not read.</param>
/// <param name="Tags">The tags that point to it.</param>
internal sealed record ImageRow(
    string? ArtifactType, DateTimeOffset PushedAt, string PushedBy, DateTimeOffset? PulledAt, long? ContentBytes,
    List<string> Tags);

/// <summary>A child of an index, as far as it was read.</summary>
internal sealed record ChildRow(string Platforms, long? ContentBytes);

/// <summary>What pages say of an image.</summary>
internal static class ImageTable
{
    /// <summary>
    /// The bytes of a manifest m with the body b, and of an index with all that it lists and the repository has, also
    /// through other indexes. Null while the manifest was not read; of more than 1,000 children, some are left out.
    /// CROSS JOIN keeps the order: SQLite would look at all references of the repository.
    /// </summary>
    public const string SizeColumn =
        $"""
        (b.content_bytes + CASE WHEN {IsIndex} THEN coalesce((
            WITH RECURSIVE part (digest, is_index) AS (
                SELECT m2.digest, {IsPartIndex} FROM manifest_reference r
                JOIN manifest m2 ON m2.repository_id = r.repository_id AND m2.digest = r.target_digest
                WHERE r.repository_id = m.repository_id AND r.manifest_digest = m.digest AND r.kind = 'Child'
                UNION
                SELECT m2.digest, {IsPartIndex} FROM part p CROSS JOIN manifest_reference r CROSS JOIN manifest m2
                WHERE p.is_index AND r.repository_id = m.repository_id AND r.manifest_digest = p.digest
                    AND r.kind = 'Child' AND m2.repository_id = r.repository_id AND m2.digest = r.target_digest)
            SELECT CAST(sum(c.content_bytes) AS BIGINT) FROM (SELECT digest FROM part LIMIT 1000) p
            JOIN manifest_body c ON c.digest = p.digest), 0) ELSE 0 END)
        """;

    private const string IsIndex = $"m.media_type IN ('{MediaTypes.OciIndex}', '{MediaTypes.DockerManifestList}')";
    private const string IsPartIndex = $"m2.media_type IN ('{MediaTypes.OciIndex}', '{MediaTypes.DockerManifestList}')";

    /// <summary>Names of repositories that have a manifest, in their order, up to a limit.</summary>
    public static ValueTask<List<string>> RepositoriesWithAsync(Session session, Digest digest, int count) =>
        session.AllAsync(
            """
            SELECT r.name FROM manifest m JOIN repository r ON r.id = m.repository_id
            WHERE m.digest = $1 ORDER BY r.name LIMIT $2
            """,
            row => row.GetString(0), digest.Text, count);

    /// <summary>Tags of a repository that point to an image, or to an index that lists it, in their order.</summary>
    public static ValueTask<List<string>> TagsOfAsync(Session session, string repository, Digest digest, int count) =>
        session.AllAsync(
            """
            SELECT t.name FROM repository r JOIN tag t ON t.repository_id = r.id
            WHERE r.name = $1 AND (t.digest = $2 OR t.digest IN (SELECT p.manifest_digest FROM manifest_reference p
                WHERE p.repository_id = r.id AND p.target_digest = $2 AND p.kind = 'Child'))
            ORDER BY t.name LIMIT $3
            """,
            row => row.GetString(0), repository, digest.Text, count);

    /// <summary>The tags of a repository that were moved last, without those that attach something to an image.
    /// </summary>
    public static ValueTask<List<string>> NewestTagsAsync(Session session, string repository, int count) =>
        session.AllAsync(
            $"""
            SELECT t.name FROM repository r JOIN tag t ON t.repository_id = r.id
            WHERE r.name = $1 AND {TagTable.IsOwn("t.name")} ORDER BY t.moved_at DESC, t.name DESC LIMIT $2
            """,
            row => row.GetString(0), repository, count);

    /// <param name="session">A read.</param>
    /// <param name="repository">The repository's name.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="maxTags">The most tags.</param>
    public static async ValueTask<ImageRow?> FindAsync(
        Session session, string repository, Digest digest, int maxTags)
    {
        if (await RepositoryTable.FindAsync(session, RepositoryName.Parse(repository)) is not { } id) return null;
        var tags = await session.AllAsync(
            "SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name LIMIT $3",
            row => row.GetString(0), id, digest.Text, maxTags);
        return await session.FirstAsync(
            $"""
            SELECT m.artifact_type, m.pushed_at, m.pushed_by, m.pulled_at, {SizeColumn}
            FROM manifest m JOIN manifest_body b ON b.digest = m.digest
            WHERE m.repository_id = $1 AND m.digest = $2
            """,
            row => new ImageRow(
                row.TextOrNull(0), row.Time(1), row.GetString(2), row.TimeOrNull(3),
                row.IsDBNull(4) ? null : row.GetInt64(4), tags),
            id, digest.Text);
    }

    /// <summary>What is known of those among these manifests that a repository has.</summary>
    public static async ValueTask<Dictionary<string, ChildRow>> FindChildrenAsync(
        Session session, long repositoryId, IEnumerable<string> digests)
    {
        var found = await session.AllAsync(
            $"""
            SELECT m.digest, coalesce(b.platforms, ''), b.content_bytes FROM manifest m
            JOIN manifest_body b ON b.digest = m.digest
            WHERE m.repository_id = $1 AND m.digest IN ({session.TextsIn("$2")})
            """,
            row => (row.GetString(0), new ChildRow(row.GetString(1), row.IsDBNull(2) ? null : row.GetInt64(2))),
            repositoryId, Session.ToTexts(digests));
        return found.ToDictionary();
    }

    /// <summary>
    /// Adds to what a manifest says what only its repository tells: the platforms of children that the index does not
    /// name, and the sizes of foreign layers that are stored all the same. Most manifests have neither.
    /// </summary>
    /// <returns>Null if a child must be read first.</returns>
    public static async ValueTask<ImageFacts?> CompleteAsync(
        Session session, long repositoryId, Manifest manifest, ImageFacts facts)
    {
        var (children, foreign) = (manifest.UnnamedChildren, manifest.ForeignLayers);
        var known = children.Count == 0 ? []
            : await FindChildrenAsync(session, repositoryId, children.Select(one => one.Text));
        if (known.Values.Any(one => one.ContentBytes is null)) return null;
        var stored = foreign.Count == 0 ? [] : await BlobTable.FindAllAsync(session, repositoryId, foreign);
        return known.Count + stored.Count == 0 ? facts : facts.With(
            known.Values.SelectMany(one => one.Platforms.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
            stored.Values.Where(one => !one.IsCondemned).Select(one => one.SizeBytes));
    }
}
