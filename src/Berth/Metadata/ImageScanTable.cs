using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How far it is known what is installed in an image, as the table has it.</summary>
internal static class ScanStates
{
    public const string Waiting = "waiting";
    public const string Read = "read";

    /// <summary>It was given up.</summary>
    public const string Fault = "fault";
}

/// <summary>An image whose packages are known, or will be.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Digest">Its manifest.</param>
/// <param name="State">One of <see cref="ScanStates"/>.</param>
/// <param name="Attempts">How often it was begun in vain.</param>
/// <param name="Looks">How often its layers were not known yet.</param>
internal sealed record ImageScanRow(long Id, Digest Digest, string State, long Attempts, long Looks);

/// <summary>A package as the table has it: with what vulnerabilities are told of.</summary>
/// <param name="Type">Its kind.</param>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Ecosystem">The ecosystem, in OSV's words; empty: none that is known.</param>
/// <param name="Source">The name of it there; empty: it does not say what it was built from.</param>
/// <param name="SourceVersion">The version of it there.</param>
/// <param name="Module">The module of a distribution that it is part of, as <c>nodejs:18</c>; empty: none.</param>
internal readonly record struct PackageKey(
    string Type, string Name, string Version, string Ecosystem, string Source, string SourceVersion,
    string Module = "");

/// <summary>What is known of an image once it was looked into.</summary>
/// <param name="Form">The form of its packages.</param>
/// <param name="Ecosystem">The ecosystem of its distribution.</param>
/// <param name="Distribution">The distribution's name for people; null: the image does not say.</param>
/// <param name="IsComplete">Whether all its layers could be read.</param>
internal sealed record LookedIntoImage(long Form, string Ecosystem, string? Distribution, bool IsComplete)
{
    /// <summary>Whether its distribution has a list of packages, and it has none.</summary>
    public bool LacksPackages { get; init; }

    /// <summary>The licences of its packages.</summary>
    public IReadOnlyList<ImageLicense> Licenses { get; init; } = [];
}

/// <summary>What is installed in images, for those who ask which images have something.</summary>
internal static class ImageScanTable
{
    private const string Columns =
        "(digest, state, due_at, attempts, looks, form, ecosystem, packages, is_complete)";

    /// <summary>Notes that an image is to be looked into, unless it was.</summary>
    public static ValueTask<int> AddAsync(Session session, Digest digest, DateTimeOffset now) => session.RunAsync(
        $"""
        INSERT INTO image_scan {Columns} VALUES ($1, 'waiting', $2, 0, 0, 0, '', 0, 0) ON CONFLICT (digest) DO NOTHING
        """,
        digest.Text, now.ToUnixTimeMilliseconds());

    /// <summary>Notes images with a layer that is listed or waits, in the order of their digests: those that were
    /// pushed before, restored, or looked into when somebody asked. Layers of build caches make no image.</summary>
    /// <param name="session">A write.</param>
    /// <param name="last">Those after this one; empty: from the first.</param>
    /// <param name="count">The most that are looked at.</param>
    /// <param name="now">The time.</param>
    /// <returns>The last one that was looked at; null at the end.</returns>
    public static async ValueTask<string?> AddMissingAsync(
        Session session, string last, int count, DateTimeOffset now)
    {
        var digests = await session.AllAsync(
            $"""
            SELECT DISTINCT digest FROM manifest
            WHERE digest > $1 AND media_type IN ('{MediaTypes.OciManifest}', '{MediaTypes.DockerManifest}')
            ORDER BY digest LIMIT $2
            """,
            row => row.GetString(0), last, count);
        await session.RunAsync(
            $"""
            INSERT INTO image_scan {Columns}
            SELECT b.digest, 'waiting', $2, 0, 0, 0, '', 0, 0 FROM manifest_body b
            WHERE b.digest IN ({session.TextsIn("$1")})
                AND NOT EXISTS (SELECT 1 FROM image_scan s WHERE s.digest = b.digest)
                AND EXISTS (SELECT 1 FROM manifest m
                    JOIN manifest_reference r ON r.repository_id = m.repository_id AND r.manifest_digest = m.digest
                    JOIN layer_index l ON l.digest = r.target_digest
                    WHERE m.digest = b.digest AND r.kind = 'Layer'
                        AND coalesce(m.artifact_type, '') <> '{MediaTypes.BuildCacheConfig}')
            ORDER BY b.digest
            ON CONFLICT (digest) DO NOTHING
            """,
            Session.ToTexts(digests), now.ToUnixTimeMilliseconds());
        return digests.Count < count ? null : digests[^1];
    }

    /// <summary>Makes images due that were read in an earlier form, some at a time. Returns how many.</summary>
    public static ValueTask<int> HastenAsync(Session session, long form, int count) => session.RunAsync(
        """
        UPDATE image_scan SET due_at = 0, state = CASE WHEN state = 'fault' THEN 'waiting' ELSE state END, attempts = 0,
            looks = 0, form = $1
        WHERE id IN (SELECT id FROM image_scan WHERE form < $1 AND state <> 'waiting' ORDER BY form, id LIMIT $2)
        """,
        form, count);

    public static ValueTask<ImageScanRow?> FindAsync(Session session, Digest digest) => session.FirstAsync(
        "SELECT id, digest, state, attempts, looks FROM image_scan WHERE digest = $1", Read, digest.Text);

    /// <summary>Takes the image that is due longest, and puts it off meanwhile: if that kills the reader, others come
    /// first.</summary>
    /// <param name="session">A write.</param>
    /// <param name="now">The time.</param>
    /// <param name="until">When it is due again if it is not done then.</param>
    public static async ValueTask<ImageScanRow?> TakeAsync(Session session, DateTimeOffset now, DateTimeOffset until)
    {
        var id = await session.NumberAsync(
            $"""
            SELECT id FROM image_scan WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1{session.ForUpdateSkipLocked}
            """,
            now.ToUnixTimeMilliseconds());
        return id is null ? null : await session.FirstAsync(
            """
            UPDATE image_scan SET due_at = $2, attempts = attempts + 1 WHERE id = $1
            RETURNING id, digest, state, attempts, looks
            """,
            Read, id, until.ToUnixTimeMilliseconds());
    }

    /// <summary>Puts an image off: that was no attempt.</summary>
    public static ValueTask<int> PostponeAsync(Session session, long id, DateTimeOffset until) => session.RunAsync(
        "UPDATE image_scan SET attempts = attempts - 1, looks = looks + 1, due_at = $2 WHERE id = $1",
        id, until.ToUnixTimeMilliseconds());

    /// <summary>Forgets what was read of an image before: until it is read again, nothing is known of it.</summary>
    public static async ValueTask<int> ClearAsync(Session session, long id)
    {
        await session.RunAsync("UPDATE image_scan SET state = 'waiting' WHERE id = $1", id);
        return await session.RunAsync("DELETE FROM image_package WHERE image_id = $1", id);
    }

    /// <summary>Adds packages of an image, each with the layer that brought it, and where it is there.</summary>
    public static async ValueTask AddPackagesAsync(
        Session session, long id, IReadOnlyList<(PackageKey Package, int Layer, string Path)> packages)
    {
        // In a fixed order, so that no two nodes deadlock on each other's packages.
        var rows = packages.OrderBy(one => one.Package.Name, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Type, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Version, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Ecosystem, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Source, StringComparer.Ordinal)
            .ThenBy(one => one.Package.SourceVersion, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Module, StringComparer.Ordinal).ToList();
        // Locked, even those that are there, so that none is removed as unused meanwhile.
        await session.RunEachAsync(
            """
            INSERT INTO package (name, type, version, ecosystem, source, source_version, module)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (name, type, version, ecosystem, source, source_version, module)
            DO UPDATE SET name = excluded.name
            """,
            rows.ConvertAll(one => ValuesOf(one.Package)));
        await session.RunEachAsync(
            """
            INSERT INTO image_package (image_id, package_id, layer, path)
            SELECT $8, id, $9, $10 FROM package WHERE name = $1 AND type = $2 AND version = $3 AND ecosystem = $4
                AND source = $5 AND source_version = $6 AND module = $7
                AND EXISTS (SELECT 1 FROM image_scan WHERE id = $8)
            ON CONFLICT DO NOTHING
            """,
            rows.ConvertAll(one => (object?[])[.. ValuesOf(one.Package), id, (long)one.Layer, one.Path]));
    }

    /// <summary>Ends reading an image.</summary>
    /// <param name="session">A write.</param>
    /// <param name="id">Which.</param>
    /// <param name="image">What is known of it.</param>
    /// <param name="now">The time.</param>
    /// <param name="until">When it is read again; null: when there is a new form.</param>
    public static ValueTask<int> EndAsync(
        Session session, long id, LookedIntoImage image, DateTimeOffset now, DateTimeOffset? until) =>
        session.RunAsync(
            """
            UPDATE image_scan SET state = 'read', attempts = 0, looks = 0, form = $2, ecosystem = $3,
                distribution = $4, is_complete = $5, read_at = $6, due_at = $7, lacks_packages = $8, licenses = $9,
                count_due = count_due + 1, packages = (SELECT count(*) FROM image_package WHERE image_id = $1)
            WHERE id = $1
            """,
            id, image.Form, image.Ecosystem, image.Distribution, image.IsComplete ? 1L : 0L,
            now.ToUnixTimeMilliseconds(), until?.ToUnixTimeMilliseconds() ?? long.MaxValue,
            image.LacksPackages ? 1L : 0L, ImageLicenseTable.Write(image.Licenses));

    /// <summary>Whether something is not known of an image.</summary>
    public static async ValueTask<bool> IsAnyPartialAsync(Session session) => await session.NumberAsync(
        "SELECT 1 FROM image_scan WHERE state <> 'read' OR is_complete = 0 LIMIT 1") is not null;

    /// <summary>Gives an image up until then.</summary>
    public static ValueTask<int> GiveUpAsync(Session session, long id, long form, DateTimeOffset until) =>
        session.RunAsync(
            "UPDATE image_scan SET state = 'fault', attempts = 0, form = $2, due_at = $3 WHERE id = $1",
            id, form, until.ToUnixTimeMilliseconds());

    /// <summary>Forgets images that no repository has any more, nor the trash.</summary>
    public static async ValueTask RemoveGoneAsync(Session session, string digests)
    {
        var gone = await session.AllAsync(
            $"""
            DELETE FROM image_scan WHERE digest IN ({session.TextsIn("$1")})
                AND NOT EXISTS (SELECT 1 FROM manifest_body b WHERE b.digest = image_scan.digest)
            RETURNING id
            """,
            row => row.GetInt64(0), digests);
        foreach (var id in gone)
        {
            await ClearAsync(session, id);
            await ScannerReportTable.RemoveOfAsync(session, id);
        }
    }

    private static ImageScanRow Read(System.Data.Common.DbDataReader row) => new(
        row.GetInt64(0), Digest.Parse(row.GetString(1)), row.GetString(2), row.GetInt64(3), row.GetInt64(4));

    private static object?[] ValuesOf(PackageKey package) =>
    [
        package.Name, package.Type, package.Version, package.Ecosystem, package.Source, package.SourceVersion,
        package.Module,
    ];
}
