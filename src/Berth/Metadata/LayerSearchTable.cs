using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Finds the layers of images, in the order of their digests.</summary>
internal static class LayerSearchTable
{
    /// <summary>
    /// Layers of images that repositories serve in some places, each once, in no order. One whose files were not listed
    /// counts if its image is for a platform: attestations have layers without files.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="places">Where.</param>
    /// <param name="from">The first digest.</param>
    /// <param name="before">The digest that they all come before.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<LayerIndexRow>> ListAsync(
        Session session, RepositoryPlaces places, string from, string before, int count)
    {
        var values = new List<object?> { from, before, count };

        // CROSS JOIN keeps the order with SQLite: of few repositories, all that others have would be looked at.
        var tables = places.Names is null
            ? "repository_blob l JOIN repository ON repository.id = l.repository_id"
            : "repository CROSS JOIN repository_blob l";
        return session.AllAsync(
            $"""
            SELECT DISTINCT l.digest, coalesce(x.state, '{LayerStates.Waiting}'), coalesce(x.made_with, '')
            FROM {tables} LEFT JOIN layer_index x ON x.digest = l.digest
            WHERE repository.id = l.repository_id AND l.digest >= $1 AND l.digest < $2 AND l.condemned_at IS NULL
                AND listed = 1 {places.Condition(session, values)}
                AND EXISTS (SELECT 1 FROM manifest_reference m
                    JOIN manifest i ON i.repository_id = m.repository_id AND i.digest = m.manifest_digest
                    JOIN manifest_body b ON b.digest = i.digest
                    WHERE m.repository_id = l.repository_id AND m.target_digest = l.digest AND m.kind = 'Layer'
                        AND (x.digest IS NOT NULL OR (b.platforms <> ''
                            AND i.artifact_type IN ('{MediaTypes.OciConfig}', '{MediaTypes.DockerConfig}'))))
            LIMIT $3
            """,
            row => new LayerIndexRow(
                Digest.Parse(row.GetString(0)), row.GetString(1), IsWanted: false, row.GetString(2)),
            [.. values]);
    }
}
