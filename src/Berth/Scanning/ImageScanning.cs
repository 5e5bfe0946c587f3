using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Settings;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>
/// Notes what is installed in an image, once its layers were read:
/// <code>
/// waiting ► taken (attempts + 1) ► layers known? ► packages noted ► read
///    ▲                                   │ no
///    └───────────────────────────────────┘ later
/// </code>
/// </summary>
internal sealed class ImageScanning(
    Database database, ManifestTable manifests, ImagePackages packages, ContentsSettings contents, LimitSettings limits,
    TimeProvider clock)
{
    private const int MaxAttempts = 3;

    /// <summary>So many packages are written at once: others wait for that.</summary>
    private const int PackagesPerWrite = 200;

    /// <summary>How long an image waits whose layers are still being read.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(20);

    /// <summary>When an image is tried again whose reader was killed.</summary>
    private static readonly TimeSpan AfterDeath = TimeSpan.FromMinutes(10);

    /// <summary>Looks into the image that waits longest. False if none is due.</summary>
    public async Task<bool> RunNextAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var next = await database.WriteAsync(
            session => ImageScanTable.TakeAsync(session, now, now + AfterDeath, PackageList.Form), isDurable: false,
            cancellation);
        if (next is null) return false;
        if (next.Attempts > MaxAttempts)
        {
            await database.WriteAsync(
                session => ImageScanTable.GiveUpAsync(session, next.Id), isDurable: false, cancellation);
        }
        else if (await LayersOfAsync(next.Digest, cancellation) is not { } layers
            || !await TryAsync(next, layers, cancellation))
        {
            await PostponeAsync(next, cancellation);
        }

        return true;
    }

    private Task<int> PostponeAsync(ImageScanRow image, CancellationToken cancellation) => database.WriteAsync(
        session => ImageScanTable.PostponeAsync(session, image.Id, clock.GetUtcNow() + BetweenLooks), isDurable: false,
        cancellation);

    /// <summary>The layers that have files, the lowest first; null if the manifest is gone.</summary>
    private async Task<IReadOnlyList<Digest>?> LayersOfAsync(Digest image, CancellationToken cancellation)
    {
        var mediaType = await database.ReadAsync(
            session => session.TextAsync("SELECT media_type FROM manifest WHERE digest = $1 LIMIT 1", image.Text),
            cancellation);
        return mediaType is null || await manifests.LoadBodyAsync(image) is not { } body ? null
            : [.. ImageOutline.Read(body, mediaType, limits.ReferencesPerManifest).Layers
                .Where(layer => MediaTypes.IsFileLayer(layer.MediaType)).Select(layer => layer.Digest)];
    }

    /// <summary>Notes the packages. False if a layer is still to be read.</summary>
    private async Task<bool> TryAsync(
        ImageScanRow image, IReadOnlyList<Digest> layers, CancellationToken cancellation)
    {
        var rows = await database.ReadAsync(
            session => LayerIndexTable.FindAllAsync(session, layers.Distinct()), cancellation);
        if (layers.Any(layer => IsUnread(rows.GetValueOrDefault(layer)))) return false;
        var known = layers.Where(layer => rows[layer].State == LayerStates.Indexed).ToList();
        var installed = await packages.FindAsync(known, cancellation);
        if (installed.Outdated.Count > 0) return false;
        await WriteAsync(image, installed, isComplete: known.Count == layers.Count && installed.Faults.Count == 0,
            cancellation);
        return true;
    }

    private bool IsUnread(LayerIndexRow? row) => row is null or { State: LayerStates.Waiting }
        || !LayerIndexing.IsCurrent(row, contents, clock.GetUtcNow());

    private async Task WriteAsync(
        ImageScanRow image, InstalledPackages installed, bool isComplete, CancellationToken cancellation)
    {
        await database.WriteAsync(
            session => ImageScanTable.ClearAsync(session, image.Id), isDurable: false, cancellation);
        var ecosystem = (installed.OsRelease is { } system ? Ecosystems.Of(system) : null) ?? "";
        var keys = installed.Packages.Where(one => !one.IsOwned)
            .Select(one => (KeyOf(one.Package, ecosystem), one.Layer)).DistinctBy(one => one.Item1);
        foreach (var chunk in keys.Chunk(PackagesPerWrite))
        {
            await database.WriteAsync(
                async session =>
                {
                    await ImageScanTable.AddPackagesAsync(session, image.Id, chunk);
                    return true;
                },
                isDurable: false, cancellation);
        }

        await database.WriteAsync(
            session => ImageScanTable.EndAsync(
                session, image.Id, PackageList.Form, ecosystem, installed.OsRelease?.Name, isComplete,
                clock.GetUtcNow()),
            isDurable: false, cancellation);
    }

    /// <summary>Only packages of a distribution depend on which it is.</summary>
    private static PackageKey KeyOf(Package package, string ecosystem) => new(
        package.Type, package.Name, package.Version, package.Type is "deb" or "apk" or "rpm" ? ecosystem : "",
        package.Source ?? package.Name, package.SourceVersion ?? package.Version);
}
