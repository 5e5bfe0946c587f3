using System.Globalization;
using System.Text.Json;
using Berth.Settings;

namespace Berth.Vulnerabilities;

/// <summary>A file of a source.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Name">What it is called in faults.</param>
/// <param name="Identity">Changes with its content.</param>
internal sealed record SourceFile(string Path, string Name, string Identity)
{
    /// <summary>The ecosystem, without releases, whose dump it is; null if it is none.</summary>
    public string? Dump { get; init; }
}

/// <summary>What there is of a source.</summary>
/// <param name="Source">The source.</param>
/// <param name="Files">Its files, which may be older than what it has.</param>
/// <param name="ModifiedAt">When the newest was made, as far as that is known.</param>
/// <param name="Fault">Why there are not all, or older ones, and what to do.</param>
internal sealed record BroughtSource(
    VulnerabilitySource Source, IReadOnlyList<SourceFile> Files, DateTimeOffset? ModifiedAt, string? Fault)
{
    /// <summary>The ecosystems, without releases, whose dumps there are and could not be brought.</summary>
    public IReadOnlyList<string> Lost { get; init; } = [];
}

/// <summary>Brings the files of sources to this machine, if they are not there.</summary>
internal sealed class SourceFiles(FetchedCopies copies, SourceFetch fetch, SourceArtifacts artifacts)
{
    private const int MaxFiles = 1_000_000;
    private const int MaxFolders = 16;
    private const int MaxListingBytes = 1 << 20;

    /// <summary>What Grype's data of this version is called.</summary>
    private const string GrypeModel = "v6.";

    /// <summary>Of what may be data, in a folder that may have other things in it too.</summary>
    private static readonly HashSet<string> Endings = [".json", ".zip", ".gz", ".csv", ".zst", ".db", ".sqlite"];

    private readonly List<string> names = [];

    /// <summary>What was asked for in this round.</summary>
    public IReadOnlyList<string> Names => names;

    /// <summary>Brings what there is of a source.</summary>
    /// <param name="source">The source.</param>
    /// <param name="ecosystems">What is wanted, as Ecosystems.Normalize has it.</param>
    /// <param name="stop">Cancels.</param>
    public async Task<BroughtSource> BringAsync(
        VulnerabilitySource source, IReadOnlySet<string> ecosystems, CancellationToken stop)
    {
        try
        {
            return source.Kind switch
            {
                VulnerabilitySourceKind.Path => Look(source),
                VulnerabilitySourceKind.Osv => await BringDumpsAsync(source, ecosystems, stop),
                VulnerabilitySourceKind.Grype => await BringGrypeAsync(source, stop),
                VulnerabilitySourceKind.Url =>
                    await BringFileAsync(source, new Uri(source.Location), sha256: null, stop),
                _ => await BringArtifactAsync(source, stop),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new BroughtSource(source, [], null, $"{source.Shown}: {e.Message}");
        }
    }

    private static BroughtSource Look(VulnerabilitySource source)
    {
        if (File.Exists(source.Location))
        {
            var file = new FileInfo(source.Location);
            return new BroughtSource(source, [Look(file, file.Name)], file.LastWriteTimeUtc, Fault: null);
        }

        if (!Directory.Exists(source.Location))
        {
            return new BroughtSource(
                source, [], null, $"there is no file or folder {source.Location}: is it mounted on this node?");
        }

        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = MaxFolders };
        var found = new DirectoryInfo(source.Location).EnumerateFiles("*", options)
            .Where(file => file.Name is not ['.', ..] && Endings.Contains(file.Extension)).Take(MaxFiles + 1)
            .OrderBy(file => file.FullName, StringComparer.Ordinal).ToList();
        var fault = found.Count == 0 ? $"there is no data in {source.Location}: is it mounted on this node?"
            : found.Count > MaxFiles ? $"{source.Location} has more than {MaxFiles} files: split it" : null;
        return new BroughtSource(
            source,
            [.. found.Take(MaxFiles).Select(file => Look(file, Path.GetRelativePath(source.Location, file.FullName)))],
            found.Count == 0 ? null : found.Max(file => file.LastWriteTimeUtc), fault);
    }

    private static SourceFile Look(FileInfo file, string name) => new(
        file.FullName, name,
        string.Create(CultureInfo.InvariantCulture, $"{file.Length} {file.LastWriteTimeUtc.Ticks}"));

    private async Task<BroughtSource> BringDumpsAsync(
        VulnerabilitySource source, IReadOnlySet<string> ecosystems, CancellationToken stop)
    {
        // Those of a distribution are in one dump for all of its releases.
        var dumps = ecosystems.Select(name => name.Split(':')[0])
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var brought = new List<BroughtSource>();
        var (missing, lost) = (0, new List<string>());
        foreach (var dump in dumps)
        {
            var address = new Uri($"{source.Location}/{Uri.EscapeDataString(dump)}/all.zip");
            var one = await BringFileAsync(source, address, sha256: null, stop, () => missing++);
            if (one is { Fault: not null, Files.Count: 0 }) lost.Add(dump);
            brought.Add(one with { Files = [.. one.Files.Select(file => file with { Dump = dump })] });
        }

        // Not every ecosystem has a dump, but one that has none at all is something else.
        var fault = dumps.Count > 0 && missing == dumps.Count
            ? $"{source.Location} has none of {string.Join(", ", dumps.Select(dump => $"{dump}/all.zip"))}: is it the "
                + "address of OSV's dumps or of a mirror?"
            : brought.Select(one => one.Fault).FirstOrDefault(text => text is not null);
        return new BroughtSource(
            source, [.. brought.SelectMany(one => one.Files)], brought.Max(one => one.ModifiedAt), fault)
        {
            Lost = lost,
        };
    }

    private async Task<BroughtSource> BringFileAsync(
        VulnerabilitySource source, Uri address, string? sha256, CancellationToken stop, Action? onMissing = null)
    {
        // Grype's has another address each day, but is still one file.
        var name = source.Kind == VulnerabilitySourceKind.Grype ? source.Location : address.AbsoluteUri;
        names.Add(name);
        try
        {
            return Brought(await fetch.BringAsync(name, address, sha256, stop), fault: null);
        }
        catch (FetchException e)
        {
            var known = copies.Find(name);
            if (!e.IsMissing || onMissing is null || known is not null) return Brought(known, e.Message);
            onMissing();
            return Brought(known, fault: null);
        }

        BroughtSource Brought(FetchedCopy? copy, string? fault) => copy is null
            ? new BroughtSource(source, [], null, fault)
            : new BroughtSource(
                source, [new SourceFile(copies.PathOf(copy), copy.Address, copy.Sha256)], copy.LastModified, fault);
    }

    private async Task<BroughtSource> BringArtifactAsync(VulnerabilitySource source, CancellationToken stop)
    {
        var (layers, fault) = (new List<(string Name, FetchedCopy Copy)>(), (string?)null);
        try
        {
            layers = await artifacts.BringAsync(source.Location, stop);
        }
        catch (FetchException e)
        {
            (layers, fault) = (artifacts.Known(source.Location), e.Message);
        }

        names.AddRange(layers.Select(layer => layer.Name));
        return new BroughtSource(
            source, [.. layers.Select(one => new SourceFile(copies.PathOf(one.Copy), one.Name, one.Copy.Sha256))],
            ModifiedAt: null, fault);
    }

    /// <summary>Grype's listing says where its current data is.</summary>
    private async Task<BroughtSource> BringGrypeAsync(VulnerabilitySource source, CancellationToken stop)
    {
        var listing = new Uri(source.Location);
        try
        {
            using var json = JsonData.Parse(await fetch.ReadAsync(listing, MaxListingBytes, stop));
            var version = JsonData.Text(json.RootElement, "schemaVersion");
            if (version?.StartsWith(GrypeModel, StringComparison.Ordinal) != true)
                throw new InvalidDataException($"names data of version '{version}', and not of {GrypeModel}x");
            var (address, sha256) = GrypeFileOf(listing, json.RootElement);
            var brought = await BringFileAsync(source, address, sha256, stop);
            var isEnding = JsonData.Text(json.RootElement, "status") is { } status && status != "active";
            return brought with
            {
                ModifiedAt = BuiltAt(json.RootElement) ?? brought.ModifiedAt,
                Fault = brought.Fault ?? (isEnding
                    ? $"{listing} says that data of this version is no longer kept up: update Berth" : null),
            };
        }
        catch (Exception e) when (e is FetchException or InvalidDataException)
        {
            names.Add(source.Location);
            var fault = e is FetchException ? e.Message : $"{listing} {e.Message}: is this Grype's listing?";
            return copies.Find(source.Location) is { } known
                ? new BroughtSource(
                    source, [new SourceFile(copies.PathOf(known), known.Address, known.Sha256)], known.LastModified,
                    fault)
                : new BroughtSource(source, [], null, fault);
        }
    }

    /// <summary>Where the data is, below the listing's own folder, and what it must be.</summary>
    private static (Uri Address, string Sha256) GrypeFileOf(Uri listing, JsonElement json)
    {
        const string Algorithm = "sha256:";
        var (path, checksum) = (JsonData.Text(json, "path"), JsonData.Text(json, "checksum"));
        if (path is not { Length: > 0 and < 1_000 }
            || checksum?.StartsWith(Algorithm, StringComparison.Ordinal) != true
            || !Uri.TryCreate(listing, Uri.EscapeDataString(path).Replace("%2F", "/"), out var address))
        {
            throw new InvalidDataException("has no path and SHA-256 of its data");
        }

        return (address, checksum[Algorithm.Length..].ToLowerInvariant());
    }

    private static DateTimeOffset? BuiltAt(JsonElement listing) => DateTimeOffset.TryParse(
        JsonData.Text(listing, "built"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
        ? time : null;
}
