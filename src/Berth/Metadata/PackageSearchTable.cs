using System.Data.Common;
using System.Globalization;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A package that images have.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Key">The package.</param>
internal sealed record PackageRow(long Id, PackageKey Key);

/// <summary>An image that has a package.</summary>
/// <param name="Repository">A repository with the image.</param>
/// <param name="IsPublic">Whether everyone may pull from it.</param>
/// <param name="Image">The image.</param>
/// <param name="Package">The package.</param>
internal sealed record PackageHolderRow(string Repository, bool IsPublic, Digest Image, long Package);

/// <summary>Finds the images that have a package.</summary>
internal static class PackageSearchTable
{
    /// <summary>What <see cref="Read"/> reads.</summary>
    public const string Columns = "id, type, name, version, ecosystem, source, source_version, module";

    /// <summary>All packages of a name, and those that were built from a source of that name.</summary>
    /// <param name="session">A read.</param>
    /// <param name="names">The name, in the forms that kinds of packages have for it.</param>
    /// <param name="version">Only this version; empty: all.</param>
    /// <param name="type">Only this kind; empty: all.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<PackageRow>> FindAsync(
        Session session, IEnumerable<string> names, string version, string type, int count) => session.AllAsync(
        $"""
        SELECT {Columns} FROM package
        WHERE (name IN ({session.TextsIn("$1")}) OR source IN ({session.TextsIn("$1")}))
            AND ($2 = '' OR version = $2 OR source_version = $2) AND ($3 = '' OR type = $3)
        ORDER BY id LIMIT $4
        """,
        Read, Session.ToTexts(names), version, type, count);

    /// <summary>
    /// Images with some of these packages in repositories, in the order of these. The bytes of an image's manifest may
    /// have been pushed as something else, which needs no layers: that is none.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="packages">The packages.</param>
    /// <param name="places">Where.</param>
    /// <param name="last">The one before the first; null: from the beginning.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<PackageHolderRow>> HoldersAsync(
        Session session, IEnumerable<long> packages, RepositoryPlaces places, PackageHolderRow? last, int count)
    {
        var ids = packages.Select(id => id.ToString(CultureInfo.InvariantCulture));
        var values = new List<object?>
        {
            Session.ToTexts(ids), last?.Repository ?? "", last?.Image.Text ?? "", last?.Package ?? -1, count,
        };
        return session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            SELECT name, is_public, m.digest, h.package_id FROM wanted
            JOIN image_package h ON h.package_id = CAST(wanted.id AS BIGINT)
            JOIN image_scan s ON s.id = h.image_id
            JOIN manifest m ON m.digest = s.digest
            JOIN repository ON repository.id = m.repository_id
            WHERE s.state = 'read' AND listed = 1
                AND m.media_type IN ('{MediaTypes.OciManifest}', '{MediaTypes.DockerManifest}')
                {places.Condition(session, values)}
                AND (name, m.digest, h.package_id) > ($2, $3, $4)
            ORDER BY name, m.digest, h.package_id LIMIT $5
            """,
            row => new PackageHolderRow(
                row.GetString(0), Convert.ToInt64(row.GetValue(1)) != 0, Digest.Parse(row.GetString(2)),
                row.GetInt64(3)),
            [.. values]);
    }

    public static PackageRow Read(DbDataReader row) => new(
        row.GetInt64(0),
        new PackageKey(
            row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5),
            row.GetString(6), row.GetString(7)));
}
