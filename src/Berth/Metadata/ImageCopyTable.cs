namespace Berth.Metadata;

/// <summary>Copies manifests and tags of one repository to another, many in a statement.</summary>
/// <param name="From">The id of the first.</param>
/// <param name="To">The id of the other.</param>
/// <param name="Actor">Who copies.</param>
/// <param name="Now">When, in milliseconds since 1970.</param>
internal sealed record ImageCopyTable(long From, long To, Actor Actor, long Now)
{
    public static async ValueTask<long> CountManifestsAsync(Session session, long repositoryId) =>
        await session.NumberAsync("SELECT count(*) FROM manifest WHERE repository_id = $1", repositoryId) ?? 0;

    /// <summary>Which of some manifests there are, and those that they hold or that refer to them.</summary>
    public static async ValueTask<(List<string> Present, List<string> Related)> RelatedAsync(
        Session session, long repositoryId, IReadOnlyCollection<string> digests)
    {
        var present = await session.AllAsync(
            $"SELECT digest FROM manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})",
            row => row.GetString(0), repositoryId, Session.ToTexts(digests));
        var related = await session.AllAsync(
            $"""
            SELECT target_digest FROM manifest_reference
            WHERE repository_id = $1 AND kind IN ('Child', 'Mention')
                AND manifest_digest IN ({session.TextsIn("$2")})
            UNION ALL
            SELECT digest FROM manifest WHERE repository_id = $1 AND subject_digest IN ({session.TextsIn("$2")})
            """,
            row => row.GetString(0), repositoryId, Session.ToTexts(present));
        return (present, related);
    }

    /// <summary>Copies manifests with what they reference, unless they are there. Returns how many were not.</summary>
    public async ValueTask<int> AddManifestsAsync(Session session, IReadOnlyCollection<string> digests)
    {
        var texts = Session.ToTexts(digests);
        await session.RunAsync(
            $"""
            INSERT INTO manifest_reference (repository_id, manifest_digest, target_digest, kind)
            SELECT CAST($2 AS BIGINT), manifest_digest, target_digest, kind FROM manifest_reference
            WHERE repository_id = $1 AND manifest_digest IN ({session.TextsIn("$3")})
            ON CONFLICT DO NOTHING
            """,
            From, To, texts);

        if (digests.Count > SearchWordTable.MaxAtOnce) await SearchPendingTable.AddAsync(session, To);
        else await SearchWordTable.CopySetsAsync(session, From, To, texts);

        // What no tag held there for a while is no more wanted here.
        return await session.RunAsync(
            $"""
            INSERT INTO manifest (repository_id, digest, media_type, size_bytes, artifact_type, subject_digest,
                annotations, search_set, pushed_at, pushed_by, expires_after_ms, review_since)
            SELECT CAST($2 AS BIGINT), digest, media_type, size_bytes, artifact_type, subject_digest, annotations,
                search_set, CAST($4 AS BIGINT), CAST($5 AS TEXT), expires_after_ms,
                CASE WHEN review_since IS NULL THEN NULL ELSE CAST($4 AS BIGINT) END
            FROM manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$3")})
            ON CONFLICT DO NOTHING
            """,
            From, To, texts, Now, Actor.Name);
    }

    /// <summary>Copies tags that are not there, with new times: what expires does so as if pushed now.</summary>
    public async ValueTask AddTagsAsync(Session session, IReadOnlyCollection<string> names)
    {
        if (names.Count > SearchWordTable.MaxAtOnce) await SearchPendingTable.AddAsync(session, To);
        else await SearchWordTable.AddTagsAsync(session, To, names);
        var texts = Session.ToTexts(names);
        await session.RunAsync(
            $"""
            INSERT INTO tag (repository_id, name, digest, moved_at, moved_by, expires_at)
            SELECT CAST($2 AS BIGINT), t.name, t.digest, CAST($4 AS BIGINT), CAST($5 AS TEXT),
                CAST($4 AS BIGINT) + coalesce(m.expires_after_ms, (SELECT max(c.expires_after_ms)
                    FROM manifest_reference r
                    JOIN manifest c ON c.repository_id = r.repository_id AND c.digest = r.target_digest
                    WHERE r.repository_id = $1 AND r.manifest_digest = t.digest AND r.kind = 'Child'))
            FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
            WHERE t.repository_id = $1 AND t.name IN ({session.TextsIn("$3")})
            """,
            From, To, texts, Now, Actor.Name);
        await session.RunAsync(
            $"""
            INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by, address, action)
            SELECT CAST($2 AS BIGINT), name, digest, CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS TEXT),
                CAST($7 AS TEXT)
            FROM tag WHERE repository_id = $1 AND name IN ({session.TextsIn("$3")}) ORDER BY name
            """,
            From, To, texts, Now, Actor.Name, Actor.Address, TagActions.Copy);
    }

    /// <summary>The links of what some manifests need, in order.</summary>
    public ValueTask<List<BlobLink>> LinksAsync(Session session, IEnumerable<string> digests) => session.AllAsync(
        $"""
        SELECT l.digest, l.size_bytes FROM repository_blob l WHERE l.repository_id = $1 AND l.condemned_at IS NULL
            AND l.digest IN (SELECT r.target_digest FROM manifest_reference r WHERE r.repository_id = $1
                AND r.kind <> 'Subject' AND r.manifest_digest IN ({session.TextsIn("$2")}))
        ORDER BY l.digest
        """,
        row => new BlobLink(Oci.Digest.Parse(row.GetString(0)), row.GetInt64(1)), From, Session.ToTexts(digests));
}
