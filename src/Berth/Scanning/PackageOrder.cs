using Berth.Versions;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>How names and versions of kinds of packages are compared.</summary>
internal static class PackageOrder
{
    /// <summary>The order of versions; null if a kind has none.</summary>
    public static VersionOrder? Of(string type) => VersionOrder.Find(type switch
    {
        "deb" => "Debian",
        "apk" => "Alpine",
        "rpm" => "Red Hat",
        _ => OsvName.EcosystemOf(type) ?? "",
    });

    /// <summary>A name in the form in which names of its kind are compared.</summary>
    public static string NameOf(string type, string name) =>
        OsvName.EcosystemOf(type) is { } ecosystem ? OsvName.Normalize(ecosystem, name) : name;
}
