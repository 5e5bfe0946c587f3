using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>Finds what is installed in images: what the files say that whoever runs one sees.</summary>
internal sealed class ImagePackages(Database database)
{
    /// <summary>Of all packages of an image: those of some layers that have as many as a layer may.</summary>
    private const int MaxChars = 16 << 20;

    /// <summary>Ten times those of the largest images.</summary>
    private const int MaxEntries = 10_000_000;

    private const int MaxFaults = 10;

    /// <param name="layers">The layers whose files are listed, the lowest first.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="TreeUnavailableException">A layer is being read anew.</exception>
    public async ValueTask<InstalledPackages> FindAsync(
        IReadOnlyList<Digest> layers, CancellationToken cancellation)
    {
        // A layer that comes again hides and shows the same as if it came only the last time.
        layers = [.. layers.Reverse().Distinct().Reverse()];
        var (visible, faults, chars) = (new VisiblePackageFiles(), new List<string>(), 0L);
        var outdated = new List<Digest>();
        foreach (var layer in layers)
        {
            var stored = await database.ReadAsync(
                    session => LayerIndexTable.LoadWithPackagesAsync(session, layer), cancellation)
                ?? throw new TreeUnavailableException("its layers are changing: ask again");
            var list = stored is { Packages: { } bytes, PackagesForm: PackageList.Form }
                ? PackageList.Read(bytes) : new PackageList([], Fault: null);
            if (list.Fault is { } fault) faults.Add(fault);
            if (stored.PackagesForm != PackageList.Form) outdated.Add(layer);
            chars += list.Files.Sum(file => file.AllChars);
            if (chars > MaxChars || visible.Entries > MaxEntries)
            {
                faults.Add("the image has too many packages or files");
                break;
            }

            visible.Add(stored.Files, list.Files, cancellation);
        }

        return Merge(visible.All(), faults) with { Layers = layers, Outdated = outdated };
    }

    private static InstalledPackages Merge(IReadOnlyList<VisiblePackageFile> files, List<string> faults)
    {
        var (owned, licenses) = (new OwnedFiles(), new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var file in files.Select(one => one.File))
        {
            if (file.Fault is { } fault) faults.Add($"/{file.Path}: {fault}");
            foreach (var path in file.Owned ?? []) owned.Add(path);
            if (file.License is { } license && CopyrightFormat.PackageOf(file.Path) is { } package)
                licenses[package] = license;
        }

        var installed = files
            .SelectMany(one => one.File.Packages.Select(package => new InstalledPackage(
                Licensed(package, licenses), one.File.Path, one.Layer,
                owned.Contains(one.File.Path))))
            .OrderBy(one => one.Package.Type, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Name, StringComparer.Ordinal)
            .ThenBy(one => one.Package.Version, StringComparer.Ordinal)
            .ThenBy(one => one.Path, StringComparer.Ordinal);
        return new InstalledPackages(
            [.. installed], OsReleaseOf(files), [.. faults.Distinct().Take(MaxFaults)]);
    }

    private static Package Licensed(Package package, Dictionary<string, string> licenses) =>
        package is { License: null, Type: "deb" } && licenses.GetValueOrDefault(package.Name) is { } license
            ? package with { License = license } : package;

    /// <summary>The file of the administrator comes before that of the distribution (os-release(5)).</summary>
    private static OsRelease? OsReleaseOf(IReadOnlyList<VisiblePackageFile> files)
    {
        var ordered = files.Select(one => one.File).OrderBy(file => file.Path, StringComparer.Ordinal).ToList();
        return ordered.Find(file => file.OsRelease is not null)?.OsRelease is { } system
            ? system with { Repositories = ordered.Find(file => file.Repositories is not null)?.Repositories } : null;
    }
}
