using Berth.Versions;

namespace Berth.Scanning;

/// <summary>How versions of kinds of packages are ordered.</summary>
internal static class PackageOrder
{
    /// <summary>The ecosystems, in OSV's words, that have the order of a kind.</summary>
    private static readonly Dictionary<string, string> Ecosystems = new(StringComparer.Ordinal)
    {
        ["deb"] = "Debian",
        ["apk"] = "Alpine",
        ["rpm"] = "Red Hat",
        ["npm"] = "npm",
        ["pypi"] = "PyPI",
        ["maven"] = "Maven",
        ["nuget"] = "NuGet",
        ["gem"] = "RubyGems",
        ["golang"] = "Go",
        ["cargo"] = "crates.io",
        ["composer"] = "Packagist",
    };

    /// <summary>All kinds that have one.</summary>
    public static IReadOnlyCollection<string> Types => Ecosystems.Keys;

    /// <summary>Null if a kind has none.</summary>
    public static VersionOrder? Of(string type) =>
        Ecosystems.GetValueOrDefault(type) is { } ecosystem ? VersionOrder.Find(ecosystem) : null;
}
