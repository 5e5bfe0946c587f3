using Berth.Contents;
using Berth.Disk;
using Berth.Distribution;
using Berth.Oci;
using Berth.Packages;
using Berth.Sbom;

namespace Berth.Api;

/// <summary>The packages that are installed in an image.</summary>
/// <param name="Count">How many there are that were asked for.</param>
/// <param name="Faults">Why there may be more.</param>
internal sealed record ImagePackagesView(
    string Digest, string? Platform, bool IsComplete, IReadOnlyList<ImageLayerView> Layers, OsReleaseView? System,
    int Count, IReadOnlyList<string> Faults, IReadOnlyList<InstalledPackageView> Items);

/// <summary>The distribution of an image.</summary>
internal sealed record OsReleaseView(string Id, string VersionId, string Name);

/// <summary>A package that is installed in an image.</summary>
internal sealed record InstalledPackageView(
    string Id, string Type, string Name, string Version, string Url, string Path, string Layer)
{
    public string? Architecture { get; init; }

    public string? Source { get; init; }

    public string? License { get; init; }

    /// <summary>Whether the distribution's package manager brought it, and lists it once more.</summary>
    public bool IsOwned { get; init; }
}

/// <summary><c>/images</c>: the packages in the images of the repository in the query.</summary>
/// <param name="images">Finds images.</param>
/// <param name="packages">Their packages.</param>
/// <param name="attached">Bills of materials that came with images.</param>
/// <param name="spools">Where bills of materials are until they were sent.</param>
/// <param name="clock">When a bill of materials is made.</param>
/// <param name="locations">The address of the registry, which bills of materials name.</param>
/// <param name="reading">Bounds how many read at once; null in a command on the database.</param>
internal sealed class ImagePackageEndpoints(
    AskedImages images, ImagePackages packages, AttachedSboms attached, Spools spools, TimeProvider clock,
    Locations locations, FileReading? reading)
{
    private const string Attached = "attached";
    private const string Own = "berth";

    /// <summary>Tells which it is.</summary>
    public const string SourceHeader = "Berth-Sbom-Source";

    /// <summary>The manifest that one came in.</summary>
    public const string ArtifactHeader = "Berth-Sbom-Artifact";

    private const int MaxSearch = 255;

    public async Task<ApiAnswer<ImagePackagesView>> ListAsync(
        HttpContext http, string reference, string repository, string? platform = null, string? q = null,
        string? type = null)
    {
        if (q is { Length: > MaxSearch })
            return ApiError.Invalid($"q must have at most {MaxSearch} characters: a part of the package's name");
        var (image, error) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return error!;
        (var installed, error) = await ReadAsync(image, http.RequestAborted);
        if (installed is null) return error!;
        var entries = SbomEntry.ListOf(installed)
            .Where(one => (q is null || one.Package.Name.Contains(q, StringComparison.OrdinalIgnoreCase))
                && (type is null || one.Package.Type == type))
            .ToList();
        var page = http.Page();
        var first = page.Last.Length == 0 ? 0 : entries.FindIndex(one => one.Id == page.Last) + 1;
        if (page.Last.Length > 0 && first == 0) return ApiError.Invalid("last is no package of the image");
        var read = entries.Skip(first).Take(page.Count + 1).Select(one => ViewOf(one, installed)).ToList();
        var shown = WithOutdated(image, installed);
        return new ImagePackagesView(
            image.Digest.Text, image.Platform, shown.IsComplete, [.. shown.Layers.Select(ImageLayerView.Of)],
            installed.OsRelease is { } system ? new OsReleaseView(system.Id, system.VersionId, system.Name) : null,
            entries.Count, installed.Faults, http.Answer(page, read, one => one.Id).Items);
    }

    /// <summary>The bill of materials of an image: the one that came with it, or the registry's own, once all its
    /// layers are known.</summary>
    public async Task<ApiFile> GetSbomAsync(
        HttpContext http, string reference, string repository, string? platform = null,
        string format = SbomDocument.Spdx, string? source = null)
    {
        if (source is not (null or Attached or Own)) return ApiError.Invalid($"source must be {Attached} or {Own}");
        if (SbomFormat.Find(format) is not { } written)
        {
            return ApiError.Invalid(
                $"format must be {string.Join(" or ", SbomFormat.All.Select(one => one.Name))}");
        }

        var (image, error) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return error!;
        if (source != Own)
        {
            (var came, error) = await GetAttachedAsync(http, RepositoryName.Parse(repository), image, written);
            if (error is not null) return error;
            if (came is not null) return came;
            if (source == Attached)
                return ApiError.NotFound($"bill of materials in {written.Name} that came with the image");
        }

        return await MakeSbomAsync(http, reference, repository, image, written);
    }

    /// <summary>The one that came with the image; null if none did.</summary>
    private async Task<(ApiFile? File, ApiError? Error)> GetAttachedAsync(
        HttpContext http, RepositoryName repository, FoundImage image, SbomFormat format)
    {
        if (reading is null) return (null, null);
        using var place = await reading.TakePlaceAsync(http.RequestAborted);
        if (place is null) return (null, ApiFile.Busy());
        if (await attached.FindAsync(repository, image.Digest, format, reading, http.RequestAborted) is not { } found)
            return (null, null);
        http.Response.Headers[SourceHeader] = Attached;
        http.Response.Headers[ArtifactHeader] = found.Artifact.Text;
        return (new ApiFile(
            format.FileNameOf(repository, image.Digest), format.MediaType, new MemoryStream(found.Document)), null);
    }

    private async Task<ApiFile> MakeSbomAsync(
        HttpContext http, string reference, string repository, FoundImage image, SbomFormat written)
    {
        if (image.Layers.Any(layer => layer.State == LayerState.Off))
            return ApiError.Conflict("this registry reads no layers (contents.index is never, or it is read-only)");
        var (installed, error) = await ReadAsync(image, http.RequestAborted);
        if (installed is null) return error!;
        if (WithOutdated(image, installed).Layers.Any(layer => layer.State == LayerState.Waiting))
            return ApiError.Conflict("the layers of the image are being read: ask again in a while");
        _ = Uri.TryCreate(locations.RootOf(http), UriKind.Absolute, out var root);
        var subject = new SbomSubject(
            RepositoryName.Parse(repository), image.Digest, Digest.TryParse(reference, out _) ? null : reference,
            root?.Authority, clock.GetUtcNow())
        {
            Scheme = root?.Scheme ?? Uri.UriSchemeHttps,
        };
        return await WriteAsync(http, written, subject, installed);
    }

    /// <summary>Whoever takes it slowly holds a file, and not what is in the image.</summary>
    private async Task<ApiFile> WriteAsync(
        HttpContext http, SbomFormat format, SbomSubject subject, InstalledPackages installed)
    {
        var bill = spools.New();
        http.Response.RegisterForDispose(bill);
        var stop = http.RequestAborted;
        await using (var output = bill.Open())
            await Task.Run(() => format.WriteAsync(subject, installed, output, stop), stop);
        bill.Content.Position = 0;
        http.Response.Headers[SourceHeader] = Own;
        return new ApiFile(
            format.FileNameOf(subject.Repository, subject.Digest), format.MediaType, bill.Content);
    }

    /// <summary>What is installed in the layers that are known, and why that may not be all.</summary>
    private async Task<(InstalledPackages? Installed, ApiError? Error)> ReadAsync(
        FoundImage image, CancellationToken cancellation)
    {
        using var place = reading is null ? null : await reading.TakePlaceAsync(cancellation);
        if (reading is not null && place is null) return (null, ApiFile.Busy());
        try
        {
            // Going through the lists of all files takes a while, and the thread is that of others' requests, too.
            var installed = await Task.Run(
                () => packages.FindAsync(image.Known, cancellation).AsTask(), cancellation);
            return (installed with { Faults = [.. installed.Faults, .. image.Faults] }, null);
        }
        catch (TreeUnavailableException e)
        {
            return (null, ApiError.Conflict(e.Message));
        }
    }

    /// <summary>Layers that will be read again wait.</summary>
    private static FoundImage WithOutdated(FoundImage image, InstalledPackages installed) => image with
    {
        Layers = [.. image.Layers.Select(layer => installed.Outdated.Contains(layer.Digest)
            ? layer with { State = LayerState.Waiting } : layer)],
    };

    private static InstalledPackageView ViewOf(SbomEntry entry, InstalledPackages installed)
    {
        return new InstalledPackageView(
            entry.Id, entry.Package.Type, entry.Package.Name, entry.Package.Version, entry.Url, entry.Location,
            installed.Layers[entry.Installed.Layer].Text)
        {
            Architecture = entry.Package.Architecture,
            Source = entry.Package.Source,
            License = entry.Package.License,
            IsOwned = entry.Installed.IsOwned,
        };
    }
}
