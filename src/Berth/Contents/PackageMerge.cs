using Berth.Packages;

namespace Berth.Contents;

/// <summary>
/// What is installed in an image: what the files say that whoever runs it sees. It takes the lists of its layers, the
/// lowest first, from wherever they are kept.
/// </summary>
internal sealed class PackageMerge
{
    /// <summary>Of all packages of an image: those of some layers that have as many as a layer may.</summary>
    private const int MaxChars = 16 << 20;

    /// <summary>Ten times those of the largest images.</summary>
    private const int MaxEntries = 10_000_000;

    private const int MaxFaults = 10;

    private readonly VisiblePackageFiles visible = new();
    private readonly List<string> faults = [];
    private long chars;

    /// <summary>Puts a layer on top.</summary>
    /// <param name="files">The list of its files.</param>
    /// <param name="packages">Its packages, as the database keeps them; null: it has none.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>False: there are too many, and further layers make no difference.</returns>
    public bool Add(byte[] files, byte[]? packages, CancellationToken cancellation)
    {
        var list = packages is null ? new PackageList([], Fault: null) : PackageList.Read(packages);
        if (list.Fault is { } fault) faults.Add(fault);
        chars += list.Files.Sum(file => file.AllChars);
        if (chars > MaxChars || visible.Entries > MaxEntries)
        {
            faults.Add("the image has too many packages or files");
            return false;
        }

        visible.Add(files, list.Files, cancellation);
        return true;
    }

    /// <summary>All that is visible.</summary>
    public InstalledPackages Finish()
    {
        var files = visible.All();
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
