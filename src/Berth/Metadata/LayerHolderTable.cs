using System.Globalization;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A repository with an image that has a layer.</summary>
internal sealed record LayerHolder(long Id, string Name, bool IsPublic);

/// <summary>An image that has a layer.</summary>
/// <param name="Tag">Its newest tag, or else that of an index that it is in; null if there is none.</param>
/// <param name="Platform">What it is for; empty if that is not known.</param>
internal sealed record LayerImage(string Digest, string? Tag, string Platform);

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
    /// <param name="except">The image that is left out; null: none.</param>
    /// <param name="places">Where they may be.</param>
    /// <param name="last">The repository that they come after; 0: none.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<LayerHolder>> ListAsync(
        Session session, Digest layer, (long RepositoryId, Digest Image)? except, RepositoryPlaces places, long last,
        int count)
    {
        var (exceptIn, exceptImage) = ValuesOf(except);
        var values = new List<object?> { layer.Text, exceptIn, exceptImage, last, count };
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
        Session session, Digest layer, (long RepositoryId, Digest Image)? except, long repositoryId, int count)
    {
        var (exceptIn, exceptImage) = ValuesOf(except);
        return session.AllAsync(
            $"""
            SELECT u.digest, coalesce(
                (SELECT t.name FROM tag t WHERE t.repository_id = $4 AND t.digest = u.digest
                    ORDER BY t.moved_at DESC, t.name LIMIT 1),
                (SELECT t.name FROM manifest_reference p
                    JOIN tag t ON t.repository_id = $4 AND t.digest = p.manifest_digest
                    WHERE p.repository_id = $4 AND p.target_digest = u.digest AND p.kind = 'Child'
                    ORDER BY t.moved_at DESC, t.name LIMIT 1)), coalesce(b.platforms, '')
            FROM (SELECT DISTINCT m.manifest_digest AS digest FROM manifest_reference m
                WHERE m.repository_id = $4 AND {ImageWithLayer} LIMIT $5) u
            JOIN manifest_body b ON b.digest = u.digest
            """,
            row => new LayerImage(row.GetString(0), row.TextOrNull(1), row.GetString(2)),
            layer.Text, exceptIn, exceptImage, repositoryId, count);
    }

    /// <summary>No repository has the number 0.</summary>
    private static (long RepositoryId, string Image) ValuesOf((long RepositoryId, Digest Image)? except) =>
        except is { } image ? (image.RepositoryId, image.Image.Text) : (0, "");
}

/// <summary>Where repositories are looked for.</summary>
/// <param name="Names">Only these; null: any.</param>
/// <param name="Ranges">Where their names lie, from one and before another; those that are public too. Null: anywhere.
/// </param>
internal sealed record RepositoryPlaces(
    IReadOnlyList<string>? Names, IReadOnlyList<(string Start, string End)>? Ranges)
{
    /// <summary>Only this and what is below it; null: anywhere.</summary>
    public string? Namespace { get; init; }

    /// <summary>The same in SQL, to be put after another condition.</summary>
    public string Condition(Session session, List<object?> values)
    {
        if (Names is null)
        {
            var space = Namespace is null ? "" : ListedRepositoryTable.InNamespace(Namespace, values);
            return space + ListedRepositoryTable.Within(Ranges, values);
        }

        values.Add(Session.ToTexts(Names));
        var place = "$" + values.Count.ToString(CultureInfo.InvariantCulture);
        return $" AND name IN ({session.TextsIn(place)})";
    }
}
