using Berth.Oci;
using Berth.Packages;
using Berth.Vulnerabilities;

namespace Berth.HarborAdapter;

/// <summary>
/// Why it is not known which packages an image has. Its vulnerabilities are not known then either, and a report with
/// few or none must not say that there are no others. A file that describes a package of a language does not count if
/// it is damaged: there are many, and most were made to be so, for tests.
/// </summary>
internal sealed class PackageGaps
{
    /// <summary>So many faults of an image are kept (PackageMerge): what comes after them is not seen.</summary>
    private const int MaxFaults = 10;

    /// <summary>Files whose faults count, by their paths.</summary>
    private readonly Dictionary<string, string> serious = new(StringComparer.Ordinal);

    private string? missing;

    /// <summary>Whether this node could not read some of a layer's files: the next time it may.</summary>
    /// <param name="packages">The list of its packages, as the database keeps it; null: it has none.</param>
    public static bool AreOurs(byte[]? packages) => packages is not null
        && PackageList.Read(packages).Files.Any(file => file.Fault is { } fault && IsOurs(fault));

    /// <summary>Puts a layer on top.</summary>
    /// <param name="packages">The list of its packages, as the database keeps it; null: it has none.</param>
    public void Add(byte[]? packages)
    {
        if (packages is null) return;
        foreach (var file in PackageList.Read(packages).Files)
        {
            var isSerious = file.Fault is not null && (IsOfSystem(file.Path) || IsOurs(file.Fault));
            if (isSerious) serious[file.Path] = $"/{file.Path}: {file.Fault}";
            else serious.Remove(file.Path);
        }
    }

    /// <summary>Notes a layer that registries do not give out.</summary>
    public void AddMissing(Digest layer) =>
        missing ??= $"its layer {layer} is of a kind that registries do not give out";

    /// <summary>The first reason; null if there is none.</summary>
    /// <param name="installed">What was found in all layers.</param>
    public string? Find(InstalledPackages installed) =>
        missing ?? FindFault(installed.Faults) ?? FindUnlisted(installed);

    /// <summary>Faults of files begin with their paths. Others are of a layer, or of the whole image.</summary>
    private string? FindFault(IReadOnlyList<string> faults) =>
        faults.FirstOrDefault(fault => !fault.StartsWith('/'))
        ?? serious.Values.FirstOrDefault(fault => faults.Count >= MaxFaults || faults.Contains(fault));

    /// <summary>As policies have it for images of this registry (PackageCoverage).</summary>
    private static string? FindUnlisted(InstalledPackages installed)
    {
        if (installed.Packages.Any(one => one.Package.LacksSource == true))
        {
            return "the list of its packages (Chisel's) does not say what they were built from, which is what "
                + "vulnerabilities are told of";
        }

        if (installed.OsRelease is not { } system
            || installed.Packages.Any(one => PackageTypes.IsOfDistribution(one.Package.Type)))
        {
            return null;
        }

        if (Ecosystems.ListsPackages(system))
        {
            return $"it is of {system.Name}, but the list of its packages is missing: keep the database of the "
                + "package manager in it";
        }

        // These have lists, which are not read. Others have none at all, such as NixOS.
        return (system.Like ?? "").Split(' ').Append(system.Id)
            .Any(id => id is "arch" or "archarm" or "gentoo" or "void" or "slackware")
            ? $"it is of {system.Name}, and lists of its package manager are not read" : null;
    }

    /// <summary>Whether a file says which packages of its distribution an image has, or which distribution that is.
    /// </summary>
    private static bool IsOfSystem(string path) => PackageFormat.Find(path) is DpkgFormat or ApkFormat or RpmFormat
        or RpmLogFormat or RpmManifestFormat or ChiselFormat or OsReleaseFormat or ApkRepositoriesFormat;

    /// <summary>What LayerPackages says where there is no room to keep a file, or reading it fails as no damage
    /// explains.</summary>
    private static bool IsOurs(string fault) => fault.StartsWith("it can't be kept", StringComparison.Ordinal)
        || fault.StartsWith("it can't be read (", StringComparison.Ordinal);
}
