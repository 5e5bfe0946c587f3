using System.Globalization;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A repository with an image that has a layer.</summary>
internal sealed record LayerHolder(long Id, string Name, bool IsPublic);

/// <summary>An image that has a layer.</summary>
/// <param name="Tag">A tag of it, or of an index that it is in; null if there is none.</param>
internal sealed record LayerImage(string Digest, string? Tag);

/// <summary>Which images have a layer.</summary>
internal static class LayerHolderTable
{
    private const string ImageWithLayer =
        """
        m.target_digest = $1 AND m.kind = 'Layer' AND NOT (m.repository_id = $2 AND m.manifest_digest = $3)
            AND EXISTS (SELECT 1 FROM manifest i
                WHERE i.repository_id = m.repository_id AND i.digest = m.manifest_digest)
        """;

    /// <summary>The repository of an image, if the image has the layer.</summary>
    public static ValueTask<long?> FindAsync(Session session, string repository, Digest image, Digest layer) =>
        session.NumberAsync(
            """
            SELECT r.id FROM repository r JOIN manifest i ON i.repository_id = r.id AND i.digest = $2
            JOIN manifest_reference m ON m.repository_id = r.id AND m.manifest_digest = $2
            WHERE r.name = $1 AND m.target_digest = $3 AND m.kind = 'Layer'
            """,
            repository, image.Text, layer.Text);

    /// <summary>Repositories with an image that has the layer, the oldest first.</summary>
    /// <param name="session">A read.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="except">The image that is left out.</param>
    /// <param name="places">Where they may be.</param>
    /// <param name="last">The repository that they come after; 0: none.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<LayerHolder>> ListAsync(
        Session session, Digest layer, (long RepositoryId, Digest Image) except, RepositoryPlaces places, long last,
        int count)
    {
        var values = new List<object?> { layer.Text, except.RepositoryId, except.Image.Text, last, count };
        return session.AllAsync(
            $"""
            SELECT repository.id, name, is_public FROM repository_blob l
            JOIN repository ON repository.id = l.repository_id
            WHERE l.digest = $1 AND l.repository_id > $4 AND l.condemned_at IS NULL AND listed = 1
                {places.Condition(session, values)}
                AND EXISTS (SELECT 1 FROM manifest_reference m
                    WHERE m.repository_id = l.repository_id AND {ImageWithLayer})
            ORDER BY l.repository_id LIMIT $5
            """,
            row => new LayerHolder(row.GetInt64(0), row.GetString(1), Convert.ToInt64(row.GetValue(2)) != 0),
            [.. values]);
    }

    /// <summary>Some images of a repository that have the layer.</summary>
    public static ValueTask<List<LayerImage>> ImagesAsync(
        Session session, Digest layer, (long RepositoryId, Digest Image) except, long repositoryId, int count) =>
        session.AllAsync(
            $"""
            SELECT u.digest, coalesce(
                (SELECT min(t.name) FROM tag t WHERE t.repository_id = $4 AND t.digest = u.digest),
                (SELECT min(t.name) FROM manifest_reference p
                    JOIN tag t ON t.repository_id = $4 AND t.digest = p.manifest_digest
                    WHERE p.repository_id = $4 AND p.target_digest = u.digest AND p.kind = 'Child'))
            FROM (SELECT DISTINCT m.manifest_digest AS digest FROM manifest_reference m
                WHERE m.repository_id = $4 AND {ImageWithLayer} LIMIT $5) u
            """,
            row => new LayerImage(row.GetString(0), row.TextOrNull(1)),
            layer.Text, except.RepositoryId, except.Image.Text, repositoryId, count);
}

/// <summary>Where repositories are looked for.</summary>
/// <param name="Names">Only these; null: any.</param>
/// <param name="Ranges">Where their names lie, from one and before another; those that are public too. Null: anywhere.
/// </param>
internal sealed record RepositoryPlaces(
    IReadOnlyList<string>? Names, IReadOnlyList<(string Start, string End)>? Ranges)
{
    /// <summary>The same in SQL, to be put after another condition.</summary>
    public string Condition(Session session, List<object?> values)
    {
        if (Names is null) return ListedRepositoryTable.Within(Ranges, values);
        values.Add(Session.ToTexts(Names));
        var place = "$" + values.Count.ToString(CultureInfo.InvariantCulture);
        return $" AND name IN ({session.TextsIn(place)})";
    }
}
