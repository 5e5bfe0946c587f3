using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A manifest as it is served: the bytes that were pushed and the type they were pushed as.</summary>
/// <param name="SizeBytes">Its size, in bytes.</param>
/// <param name="Body">Null if it is too large to be cached: <see cref="ManifestTable.LoadBodyAsync"/> loads it.</param>
internal sealed record StoredManifest(Digest Digest, string MediaType, long SizeBytes, byte[]? Body)
{
    /// <summary>Since when its pulls are to be written: 0 if none are.</summary>
    public PullNote Pulls { get; } = new();
}

/// <summary>A manifest that refers to a subject, as the referrers API lists it.</summary>
internal sealed record Referrer(
    Digest Digest, string MediaType, long SizeBytes, string? ArtifactType, string? AnnotationsJson)
{
    /// <summary>The length of its client-supplied fields, in characters.</summary>
    public int Length => (ArtifactType?.Length ?? 0) + (AnnotationsJson?.Length ?? 0);
}

/// <summary>A manifest of which it was not read yet what lists say of it.</summary>
/// <param name="MediaType">Empty if it is on its way out: neither in a repository nor in the trash.</param>
/// <param name="RepositoryId">One that has it; null if it is only in the trash.</param>
internal sealed record UnreadManifest(string Digest, string MediaType, byte[] Body, long? RepositoryId);

/// <summary>The manifests of repositories, their references, and the tags by which they are found.</summary>
internal sealed class ManifestTable(
    Database database, RepositoryTable repositories, AnswerCache cache, TimeProvider clock)
{
    /// <summary>Larger bodies, in bytes, are not cached.</summary>
    private const int MaxCachedBytes = 1024 * 1024;

    public ValueTask<StoredManifest?> FindAsync(
        RepositoryName repository, Reference reference, CancellationToken cancellation) => cache.GetOrLoadAsync(
        repository.Text, KeyOf(repository, reference.ToString()),
        () => LoadAsync(repository, reference, cancellation),
        m => 400 + (m.Body?.Length ?? 0));

    /// <summary>The body of a manifest; null if there is none.</summary>
    public ValueTask<byte[]?> LoadBodyAsync(Digest digest) => database.ReadAsync(
        session => session.FirstAsync(
            "SELECT body FROM manifest_body WHERE digest = $1", row => (byte[])row.GetValue(0), digest.Text));

    public static async ValueTask<bool> ExistsAsync(Session session, long repositoryId, Digest digest) =>
        await session.NumberAsync(
            "SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2", repositoryId, digest.Text) is not null;

    /// <summary>The manifests among these that a repository has.</summary>
    public static async ValueTask<HashSet<Digest>> FindAllAsync(
        Session session, long repositoryId, IEnumerable<Digest> digests) => [.. await session.AllAsync(
            $"SELECT digest FROM manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})",
            row => Digest.Parse(row.GetString(0)), repositoryId, Session.ToTexts(digests.Select(d => d.Text)))];

    /// <summary>Notes that the files in the layers of a manifest are to be listed; of an image, what they install, too.
    /// </summary>
    public async ValueTask NoteLayersAsync(
        Session session, Digest digest, Manifest manifest, IReadOnlyCollection<Digest> layers)
    {
        var now = clock.GetUtcNow();
        await LayerIndexTable.AddAsync(session, layers, now);
        if (manifest.References.Any(one => one.Kind == ReferenceKind.Config
            && MediaTypes.IsImageConfig(one.Target.MediaType)))
        {
            await ImageScanTable.AddAsync(session, digest, now);
        }
    }

    /// <summary>
    /// Records a manifest with its body and references. A manifest pushed again takes the newer media type. It was
    /// pushed now, or at a time in milliseconds since 1970. Without facts, a job reads them later.
    /// </summary>
    public async ValueTask AddAsync(
        Session session, long repositoryId, Digest digest, Manifest manifest, ImageFacts? facts, byte[] body,
        Actor actor, TimeSpan? expiresAfter, long? pushedAt = null)
    {
        await session.RunAsync(
            """
            INSERT INTO manifest_body (digest, body, platforms, content_bytes, built_at, labels)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (digest) DO UPDATE SET body = $2, platforms = $3, content_bytes = $4, built_at = $5,
                labels = $6
            WHERE manifest_body.body <> $2 OR manifest_body.content_bytes IS NULL
            """,
            digest.Text, body, facts?.Platforms, facts?.ContentBytes, facts?.BuiltAt?.ToUnixTimeMilliseconds(),
            facts?.LabelsJson);
        var set = SearchSet.Of(manifest.ArtifactType, facts?.Platforms, facts?.LabelsJson, manifest.AnnotationsJson);
        await session.RunAsync(
            """
            INSERT INTO manifest (repository_id, digest, media_type, size_bytes, artifact_type, subject_digest,
                annotations, pushed_at, pushed_by, expires_after_ms, search_set)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            ON CONFLICT (repository_id, digest) DO UPDATE SET media_type = $3, artifact_type = $5, pushed_at = $8,
                pushed_by = $9, expires_after_ms = $10, review_since = NULL
            """,
            repositoryId, digest.Text, manifest.MediaType, body.Length, manifest.ArtifactType,
            manifest.Subject?.Digest.Text, manifest.Subject is null ? null : manifest.AnnotationsJson,
            pushedAt ?? clock.GetUtcNow().ToUnixTimeMilliseconds(), actor.Name,
            (long?)expiresAfter?.TotalMilliseconds, set.Id);
        await SearchWordTable.AddSetAsync(session, repositoryId, set);
        if (manifest.Subject is { Digest: var subject })
            await SignedArtifactTable.AddAsync(session, repositoryId, digest.Text, subject, "", clock.GetUtcNow());

        // One statement per kind of reference, however many there are, with rows in index order.
        foreach (var kind in manifest.References.GroupBy(r => r.Kind, r => r.Target.Digest.Text))
        {
            await session.RunAsync(
                $"""
                INSERT INTO manifest_reference (repository_id, manifest_digest, target_digest, kind)
                SELECT $1, $2, target.*, $3 FROM ({session.TextsIn("$4")}) AS target WHERE true
                ON CONFLICT DO NOTHING
                """,
                repositoryId, digest.Text, kind.Key.ToString(), Session.ToTexts(kind.Order(StringComparer.Ordinal)));
        }
    }

    /// <summary>Removes bodies, among these, of manifests that neither a repository nor the trash has any more, with
    /// what is known of their packages.</summary>
    public static async ValueTask RemoveUnusedBodiesAsync(Session session, string digests)
    {
        // A separate statement locks the rows, so that the next one sees concurrent references to the bodies.
        await session.AllAsync(
            $"""
            SELECT digest FROM manifest_body WHERE digest IN ({session.TextsIn("$1")})
            ORDER BY digest{session.ForUpdate}
            """,
            row => row.GetString(0), digests);
        await session.RunAsync(
            $"""
            DELETE FROM manifest_body WHERE digest IN ({session.TextsIn("$1")})
                AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = manifest_body.digest)
                AND NOT EXISTS (SELECT 1 FROM trash_manifest t WHERE t.digest = manifest_body.digest)
            """,
            digests);
        await ImageScanTable.RemoveGoneAsync(session, digests);
    }

    /// <summary>
    /// Manifests after one, of which it was not read yet what lists say of them. Those in the trash too, since they may
    /// come back.
    /// </summary>
    public static ValueTask<List<UnreadManifest>> WithoutFactsAsync(
        Session session, string last, int count) => session.AllAsync(
            """
            SELECT b.digest, coalesce(
                (SELECT m.media_type FROM manifest m WHERE m.digest = b.digest LIMIT 1),
                (SELECT t.media_type FROM trash_manifest t WHERE t.digest = b.digest LIMIT 1), ''), b.body,
                (SELECT min(m.repository_id) FROM manifest m WHERE m.digest = b.digest)
            FROM manifest_body b WHERE b.content_bytes IS NULL AND b.digest > $1 ORDER BY b.digest LIMIT $2
            """,
            row => new UnreadManifest(
                row.GetString(0), row.GetString(1), (byte[])row.GetValue(2),
                row.IsDBNull(3) ? null : row.GetInt64(3)),
            last, count);

    public static async ValueTask SetFactsAsync(
        Session session, IReadOnlyList<(string Digest, ImageFacts Facts)> read)
    {
        await session.RunEachAsync(
            """
            UPDATE manifest_body SET platforms = $2, content_bytes = $3, built_at = $4, labels = $5
            WHERE digest = $1 AND content_bytes IS NULL
            """,
            [.. read.Select(one => new object?[]
            {
                one.Digest, one.Facts.Platforms, one.Facts.ContentBytes,
                one.Facts.BuiltAt?.ToUnixTimeMilliseconds(), one.Facts.LabelsJson,
            })]);
        await SearchWordTable.IndexEverywhereAsync(session, read.Select(one => one.Digest));
    }

    /// <summary>
    /// How long tags of a manifest stay, by what it says itself, or an index's children; null: for ever.
    /// </summary>
    public static async ValueTask<TimeSpan?> ExpiresAfterAsync(Session session, long repositoryId, Digest digest)
    {
        var after = await session.NumberAsync(
            """
            SELECT coalesce(
                (SELECT expires_after_ms FROM manifest WHERE repository_id = $1 AND digest = $2),
                (SELECT max(c.expires_after_ms) FROM manifest_reference r
                    JOIN manifest c ON c.repository_id = r.repository_id AND c.digest = r.target_digest
                    WHERE r.repository_id = $1 AND r.manifest_digest = $2 AND r.kind = 'Child'))
            """,
            repositoryId, digest.Text);
        return after is { } ms ? TimeSpan.FromMilliseconds(ms) : null;
    }

    /// <summary>A manifest that needs a blob, as <c>tag (digest)</c> or its digest; null if none does.</summary>
    public static ValueTask<string?> FindUserAsync(Session session, long repositoryId, Digest blob) =>
        session.TextAsync(
            """
            SELECT coalesce(
                (SELECT t.name || ' (' || t.digest || ')' FROM tag t
                    WHERE t.repository_id = r.repository_id AND t.digest = r.manifest_digest LIMIT 1),
                r.manifest_digest)
            FROM manifest_reference r
            JOIN manifest m ON m.repository_id = r.repository_id AND m.digest = r.manifest_digest
            WHERE r.repository_id = $1 AND r.target_digest = $2 AND r.kind <> 'Subject'
            LIMIT 1
            """,
            repositoryId, blob.Text);

    /// <summary>
    /// Referrers of a subject after <paramref name="last"/> by digest (distribution-spec, "Listing Referrers"),
    /// including the one that makes their total length exceed <paramref name="maxLength"/> characters.
    /// </summary>
    public async ValueTask<List<Referrer>> ReferrersAsync(
        RepositoryName repository, Digest subject, string? artifactType, string last, int count, long maxLength,
        CancellationToken cancellation)
    {
        if (await repositories.FindAsync(repository, cancellation) is not { } id) return [];
        var length = 0L;
        return await database.ReadAsync(s => s.UntilAsync(
            """
            SELECT digest, media_type, size_bytes, artifact_type, annotations FROM manifest
            WHERE repository_id = $1 AND subject_digest = $2 AND digest > $3
                AND (CAST($4 AS TEXT) IS NULL OR artifact_type = $4)
            ORDER BY digest LIMIT $5
            """,
            row => new Referrer(
                Digest.Parse(row.GetString(0)), row.GetString(1), row.GetInt64(2),
                row.TextOrNull(3), row.TextOrNull(4)),
            referrer => (length += referrer.Length) > maxLength && length > referrer.Length,
            id, subject.Text, last, artifactType, count), cancellation);
    }

    private async ValueTask<StoredManifest?> LoadAsync(
        RepositoryName repository, Reference reference, CancellationToken cancellation)
    {
        if (await repositories.FindAsync(repository, cancellation) is not { } id) return null;
        return await database.ReadAsync(async session =>
        {
            var digest = reference.Digest?.Text ?? await TagTable.FindAsync(session, id, reference.Tag!.Value);
            return digest is null ? null : await session.FirstAsync(
                """
                SELECT m.media_type, m.size_bytes, CASE WHEN m.size_bytes <= $3 THEN b.body END
                FROM manifest m JOIN manifest_body b ON b.digest = m.digest
                WHERE m.repository_id = $1 AND m.digest = $2
                """,
                row => new StoredManifest(
                    Digest.Parse(digest), row.GetString(0), row.GetInt64(1),
                    row.IsDBNull(2) ? null : (byte[])row.GetValue(2)),
                id, digest, MaxCachedBytes);
        }, cancellation);
    }

    /// <summary>The cache key of a tag's or a digest's manifest.</summary>
    public static string KeyOf(RepositoryName repository, string reference) =>
        $"{repository.Text}/manifests/{reference}";
}
