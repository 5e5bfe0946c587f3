using System.Net.Security;
using Berth.Contents;
using Berth.Import;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Sbom;
using Berth.Scanning;
using Berth.Settings;
using Berth.Vulnerabilities;

namespace Berth.HarborAdapter;

/// <summary>
/// Scans an image of another registry:
/// <code>
/// manifest ► layers, each known or pulled ► packages ► bills of materials
///                                                    ► data of their ecosystems ► vulnerabilities
/// </code>
/// Nothing of the image is stored in this registry.
/// </summary>
internal sealed partial class ImageScan(
    LayerLists lists, AdapterData data, ScannerAdapterSettings settings, LimitSettings limits, TimeProvider clock,
    ILogger<ImageScan> log)
{
    /// <summary>As many as other scanners may tell of here.</summary>
    private const int MaxFindings = 200_000;

    private readonly Func<Uri, bool> mayAsk = ScanRequest.IsListed(settings.Registries);

    /// <summary>Makes the reports that were asked for, compressed.</summary>
    /// <exception cref="ScanFaultException">The image can't be scanned.</exception>
    /// <exception cref="SourceException">The image can't be had.</exception>
    public async Task<IReadOnlyList<(string Kind, byte[] Body)>> RunAsync(
        ScanRequest request, CancellationToken cancellation)
    {
        using var client = new SourceClient(
            request.Registry, request.Credentials, new SslClientAuthenticationOptions(), clock,
            new SourceOrder(request.Authorization, mayAsk, "scanneradapter.registries of the scanner"));
        var registry = new SourceRegistry(client, limits.ManifestBytes);
        var (merge, gaps) = (new PackageMerge(), new PackageGaps());
        var layers = await LayersOfAsync(registry, request, gaps, cancellation);
        foreach (var layer in layers)
        {
            var list = await lists.GetAsync(client, registry, request, layer, cancellation);
            gaps.Add(list.Packages);
            if (!merge.Add(list.Files, list.Packages, cancellation)) break;
        }

        var installed = merge.Finish() with { Layers = [.. layers.Select(layer => layer.Digest)] };
        if (installed.Faults.Count > 0) LogFaults(request.Digest, string.Join("; ", installed.Faults));
        if (request.Kinds.Contains(ReportKinds.Vulnerabilities) && gaps.Find(installed) is { } gap)
        {
            throw new ScanFaultException(
                $"not all packages of the image are known, so its vulnerabilities are not: {gap}");
        }

        var reports = new List<(string Kind, byte[] Body)>();
        foreach (var kind in request.Kinds)
            reports.Add((kind, await WriteAsync(kind, request, installed, cancellation)));
        return reports;
    }

    private async Task<byte[]> WriteAsync(
        string kind, ScanRequest request, InstalledPackages installed, CancellationToken cancellation)
    {
        if (SbomFormat.All.FirstOrDefault(format => format.MediaType == kind) is { } format)
        {
            return await ScanReports.WriteSbomAsync(
                request, installed, format, clock.GetUtcNow(), settings.ReportBytes, cancellation);
        }

        var findings = await FindAsync(installed, cancellation);
        return ScanReports.WriteVulnerabilities(
            request, findings, clock.GetUtcNow(), settings.ReportBytes, cancellation);
    }

    /// <summary>The layers with files that registries have, the lowest first. A layer that comes again counts where it
    /// comes last.</summary>
    private async Task<IReadOnlyList<Descriptor>> LayersOfAsync(
        SourceRegistry registry, ScanRequest request, PackageGaps gaps, CancellationToken cancellation)
    {
        var found = await registry.FindAsync(request.Repository.Text, new Reference(request.Digest), cancellation)
            ?? throw new ScanFaultException($"{registry.Host} has no {request.Repository.Text}@{request.Digest}, or "
                + "the authorization of the request does not allow to pull it");
        Manifest manifest;
        try
        {
            manifest = Manifest.Parse(
                found.Body, found.MediaType.Length > 0 ? found.MediaType : null, limits.ReferencesPerManifest);
        }
        catch (ManifestFormatException e)
        {
            throw new ScanFaultException($"its manifest can't be read: {e.Message}", e);
        }

        if (MediaTypes.IsIndex(manifest.MediaType))
            throw new ScanFaultException("it is an index of several images: have each of them scanned by its digest");
        var config = manifest.References.FirstOrDefault(one => one.Kind == ReferenceKind.Config)?.Target;
        if (!MediaTypes.IsImageManifest(manifest.MediaType) || config is null
            || !MediaTypes.IsImageConfig(config.MediaType))
        {
            throw new ScanFaultException("it is no image: only images are scanned");
        }

        var all = manifest.References.Where(one => one.Kind == ReferenceKind.Layer).Select(one => one.Target).ToList();
        if (all.Find(layer => MediaTypes.IsNondistributable(layer.MediaType)) is { } missing)
            gaps.AddMissing(missing.Digest);
        var layers = all.Where(layer => MediaTypes.IsFileLayer(layer.MediaType)).Reverse()
            .DistinctBy(layer => layer.Digest).Reverse().ToList();
        var size = layers.Sum(layer => (decimal)layer.SizeBytes);
        return size <= settings.ImageBytes ? layers : throw new ScanFaultException(
            $"the image has {size} bytes, and at most {settings.ImageBytes} are scanned (scanneradapter.imagebytes of "
            + "the scanner)");
    }

    private async Task<List<ReportedFinding>> FindAsync(
        InstalledPackages installed, CancellationToken cancellation)
    {
        var ecosystem = (installed.OsRelease is { } system ? Ecosystems.Of(system) : null) ?? "";
        var keys = installed.Packages.Where(one => !one.IsOwned)
            .Select(one => ImageScanning.KeyOf(one.Package, ecosystem)).Distinct().ToList();
        if (keys.Count > ImageScanning.MaxPackages)
            throw new ScanFaultException($"the image has more than {ImageScanning.MaxPackages} packages");
        var needed = keys.SelectMany(PackageMatching.NamesOf).Select(name => Ecosystems.Normalize(name.Ecosystem))
            .OfType<string>().ToHashSet(StringComparer.Ordinal);
        using var file = await data.OpenAsync(needed, cancellation);
        RequireCovered(keys, file, installed.OsRelease);
        var findings = new List<ReportedFinding>();
        foreach (var key in keys)
        {
            cancellation.ThrowIfCancellationRequested();
            findings.AddRange(Find(file, key));
            if (findings.Count > MaxFindings)
                throw new ScanFaultException($"the image has more than {MaxFindings} vulnerabilities");
        }

        return [.. findings.DistinctBy(one => (one.Finding.Name, one.Package, one.Version))];
    }

    /// <summary>Without data about the packages of a distribution none of its vulnerabilities would be found, which
    /// must not look as if there were none.</summary>
    private static void RequireCovered(List<PackageKey> keys, VulnerabilityFile file, OsRelease? system)
    {
        var unknown = keys.Where(key => PackageTypes.IsOfDistribution(key.Type)).FirstOrDefault(
            key => Ecosystems.Normalize(key.Ecosystem) is not { } name || !file.Covered.Contains(name));
        if (unknown.Type is null) return;
        var name = unknown.Ecosystem.Length > 0 ? unknown.Ecosystem : system?.Name ?? unknown.Type;
        throw new ScanFaultException(
            $"the scanner has no data about packages of {name}: its operator can add a source to "
            + "vulnerabilities.sources that has some");
    }

    /// <summary>What those who know the package rule out is left out: Harbor would count it.</summary>
    private IEnumerable<ReportedFinding> Find(VulnerabilityFile file, PackageKey key)
    {
        Scanning.PackageFindings found;
        try
        {
            found = Scanning.PackageFindings.Find(file, key, clock.GetUtcNow());
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException
            or OverflowException)
        {
            // As where images of this registry are compared: one package must not keep the others from it.
            LogFailure(key.Type, key.Name, key.Version, e);
            found = Scanning.PackageFindings.None;
        }

        return found.Vulnerabilities.Where(one => found.Findings[one.Name].Vex.Length == 0)
            .Select(one => new ReportedFinding(key.Name, key.Version, found.Findings[one.Name], one));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Packages of {Digest} may be missing: {Faults}")]
    private partial void LogFaults(Digest digest, string faults);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "Package {Type} {Name} {Version} can't be compared with vulnerabilities")]
    private partial void LogFailure(string type, string name, string version, Exception exception);
}
