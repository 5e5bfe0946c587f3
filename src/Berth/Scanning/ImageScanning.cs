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
/// due ► taken (attempts + 1) ► layers known? ► packages noted ► read
///  ▲                                │ no
///  └────────────────────────────────┘ later, and then later still
/// </code>
/// </summary>
internal sealed partial class ImageScanning(
    Database database, ManifestTable manifests, ImagePackages packages, ContentsSettings contents, LimitSettings limits,
    TimeProvider clock, ILogger<ImageScanning> log)
{
    private const int MaxAttempts = 3;

    /// <summary>So many rows are written at once: others wait for that.</summary>
    private const int RowsPerWrite = 200;

    /// <summary>Ten times those of the largest images.</summary>
    public const int MaxPackages = 50_000;

    /// <summary>Twice the longest of Red Hat's.</summary>
    private const int MaxModule = 100;

    /// <summary>After so many looks, half a day, a layer of which nothing is known is taken to be gone.</summary>
    private const int PatientLooks = 16;

    /// <summary>How long an image waits whose layers are still being read: twice as long each time.</summary>
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    /// <summary>When an image is tried again whose reader was killed.</summary>
    private static readonly TimeSpan AfterDeath = TimeSpan.FromMinutes(10);

    /// <summary>When an image is read again that could not be read, or not whole.</summary>
    private static readonly TimeSpan BetweenTrials = TimeSpan.FromDays(1);

    /// <summary>Notes images that nobody has noted: those that were pushed before, restored, or looked into when
    /// somebody asked.</summary>
    public async Task AddMissingAsync(CancellationToken cancellation)
    {
        while (await database.WriteAsync(
            session => ImageScanTable.HastenAsync(session, PackageList.Form, RowsPerWrite), isDurable: false,
            cancellation) > 0)
        {
        }

        for (var last = ""; last is not null;)
        {
            var from = last;
            last = await database.WriteAsync(
                session => ImageScanTable.AddMissingAsync(session, from, RowsPerWrite, clock.GetUtcNow()),
                isDurable: false, cancellation);
        }
    }

    /// <summary>Looks into the image that is due longest. False if none is due.</summary>
    public async Task<bool> RunNextAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var next = await database.WriteAsync(
            session => ImageScanTable.TakeAsync(session, now, now + AfterDeath), isDurable: false, cancellation);
        if (next is null) return false;
        if (next.Attempts > MaxAttempts)
        {
            await WriteAsync(
                session => ImageScanTable.GiveUpAsync(session, next.Id, PackageList.Form, now + BetweenTrials),
                cancellation);
            LogGivenUp(next.Digest, MaxAttempts);
            return true;
        }

        try
        {
            if (await LayersOfAsync(next.Digest, cancellation) is not { } layers
                || !await TryAsync(next, layers, cancellation))
            {
                await PostponeAsync(next, cancellation);
            }
        }
        catch (Exception e) when (e is TreeUnavailableException or OperationCanceledException)
        {
            // A layer is being read anew, or the node stops.
            await PostponeAsync(next, CancellationToken.None);
            if (e is OperationCanceledException) throw;
        }
        catch (Exception e) when (e is not DatabaseUnavailableException)
        {
            // No image may keep the others from being read. The attempt counts.
            LogFailure(next.Digest, e);
        }

        return true;
    }

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);

    private Task<int> PostponeAsync(ImageScanRow image, CancellationToken cancellation)
    {
        var wait = ShortestWait * Math.Pow(2, Math.Min(image.Looks, PatientLooks));
        var until = clock.GetUtcNow() + (wait < LongestWait ? wait : LongestWait);
        return WriteAsync(session => ImageScanTable.PostponeAsync(session, image.Id, until), cancellation);
    }

    /// <summary>The layers that have files, the lowest first; null if the manifest is gone.</summary>
    private async Task<IReadOnlyList<Descriptor>?> LayersOfAsync(Digest image, CancellationToken cancellation)
    {
        var mediaType = await database.ReadAsync(
            session => session.TextAsync("SELECT media_type FROM manifest WHERE digest = $1 LIMIT 1", image.Text),
            cancellation);
        return mediaType is null || await manifests.LoadBodyAsync(image) is not { } body ? null
            : [.. ImageOutline.Read(body, mediaType, limits.ReferencesPerManifest).Layers.Where(IsOfFiles)];
    }

    private static bool IsOfFiles(Descriptor layer) =>
        MediaTypes.IsFileLayer(layer.MediaType) || MediaTypes.IsNondistributable(layer.MediaType);

    /// <summary>Notes the packages. False if a layer is still to be read.</summary>
    private async Task<bool> TryAsync(
        ImageScanRow image, IReadOnlyList<Descriptor> layers, CancellationToken cancellation)
    {
        var rows = await database.ReadAsync(
            session => LayerIndexTable.FindAllAsync(session, layers.Select(layer => layer.Digest).Distinct()),
            cancellation);
        var unread = layers.Where(layer => IsUnread(layer, rows.GetValueOrDefault(layer.Digest), image.Looks)).ToList();
        if (unread.Count > 0)
        {
            var unknown = unread.Select(layer => layer.Digest).Where(layer => !rows.ContainsKey(layer)).ToHashSet();
            if (unknown.Count > 0 && contents.Index == ContentsIndexing.Always)
            {
                await WriteAsync(
                    session => LayerIndexTable.AddAsync(session, unknown, clock.GetUtcNow()), cancellation);
            }

            return false;
        }

        var known = layers.Select(layer => layer.Digest)
            .Where(layer => rows.GetValueOrDefault(layer)?.State == LayerStates.Indexed).ToList();
        var installed = await packages.FindAsync(known, cancellation);
        if (installed.Outdated.Count > 0) return false;
        await NoteAsync(image, installed, known.Count == layers.Count && installed.Faults.Count == 0, cancellation);
        return true;
    }

    /// <summary>A layer at fault is known: there is nothing in it. So is one that clients fetch from elsewhere.
    /// </summary>
    private static bool IsUnread(Descriptor layer, LayerIndexRow? row, long looks) => row is null
        ? looks < PatientLooks && !MediaTypes.IsNondistributable(layer.MediaType)
        : row.State == LayerStates.Waiting;

    private async Task NoteAsync(
        ImageScanRow image, InstalledPackages installed, bool isComplete, CancellationToken cancellation)
    {
        var system = installed.OsRelease;
        var ecosystem = (system is not null ? Ecosystems.Of(system) : null) ?? "";
        var all = installed.Packages.Where(one => !one.IsOwned).ToList();
        var keys = all
            .Select(one => (KeyOf(one.Package, ecosystem), one.Layer, PathOf(one)))
            .DistinctBy(one => one.Item1).ToList();
        isComplete &= keys.Count <= MaxPackages;
        await WriteAsync(session => ImageScanTable.ClearAsync(session, image.Id), cancellation);
        foreach (var chunk in keys.Take(MaxPackages).Chunk(RowsPerWrite))
        {
            await database.WriteAsync(
                async session =>
                {
                    await ImageScanTable.AddPackagesAsync(session, image.Id, chunk);
                    return true;
                },
                isDurable: false, cancellation);
        }

        var now = clock.GetUtcNow();
        var known = new LookedIntoImage(PackageList.Form, ecosystem, system?.Name, isComplete)
        {
            LacksPackages = system is not null && Ecosystems.ListsPackages(system)
                && !installed.Packages.Any(one => PackageTypes.IsOfDistribution(one.Package.Type)),
            Licenses = ImageLicenses.Of(all.Select(one => one.Package)),
        };
        await WriteAsync(
            session => ImageScanTable.EndAsync(
                session, image.Id, known, now, isComplete ? null : now + BetweenTrials),
            cancellation);
    }

    /// <summary>All packages of a distribution are in its database.</summary>
    private static string PathOf(InstalledPackage one) =>
        PackageTypes.IsOfDistribution(one.Package.Type) ? "" : one.Path;

    /// <summary>Only packages of a distribution depend on which it is. What is looked up has the form in which names
    /// are compared.</summary>
    public static PackageKey KeyOf(Package package, string ecosystem) => new(
        package.Type, package.Name, package.Version,
        PackageTypes.IsOfDistribution(package.Type) ? ecosystem : "",
        package.LacksSource == true ? "" : PackageOrder.NameOf(package.Type, package.Source ?? package.Name),
        package.SourceVersion ?? package.Version, ModuleOf(package));

    /// <summary>The name and the stream of <c>nodejs:18:8080020230103:9edba152</c>: builds of it are alike.</summary>
    private static string ModuleOf(Package package) =>
        package.Module?.Split(':') is [var name, var stream, ..] && name.Length + stream.Length < MaxModule
            ? $"{name}:{stream}" : "";

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "What is installed in image {Digest} is not known: given up after {Attempts} attempts")]
    private partial void LogGivenUp(Digest digest, int attempts);

    [LoggerMessage(Level = LogLevel.Error, Message = "What is installed in image {Digest} could not be noted")]
    private partial void LogFailure(Digest digest, Exception exception);
}
