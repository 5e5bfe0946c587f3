namespace Berth.Versions;

/// <summary>
/// How a package ecosystem orders its versions. These come out of images, so they may be anything: each order is total,
/// accepts every string, and takes time and memory in proportion to its length.
/// </summary>
internal abstract class VersionOrder
{
    private static readonly SemverOrder Semver = new();
    private static readonly DpkgOrder Dpkg = new();
    private static readonly ApkOrder Apk = new();
    private static readonly RpmOrder Rpm = new();

    /// <summary>By the names that OSV has for ecosystems (osv-schema, "Defined Ecosystems").</summary>
    private static readonly Dictionary<string, VersionOrder> Orders = new(StringComparer.Ordinal)
    {
        ["Debian"] = Dpkg,
        ["Ubuntu"] = Dpkg,
        ["Echo"] = Dpkg,
        ["Alpine"] = Apk,
        ["Wolfi"] = Apk,
        ["Chainguard"] = Apk,
        ["MinimOS"] = Apk,
        ["Alpaquita"] = Apk,
        ["BellSoft Hardened Containers"] = Apk,
        ["Red Hat"] = Rpm,
        ["AlmaLinux"] = Rpm,
        ["Oracle Linux"] = Rpm,
        ["Amazon Linux"] = Rpm,
        ["Fedora"] = Rpm,
        ["Rocky Linux"] = Rpm,
        ["SUSE"] = Rpm,
        ["openSUSE"] = Rpm,
        ["Azure Linux"] = Rpm,
        ["openEuler"] = Rpm,
        ["Mageia"] = Rpm,
        ["Photon OS"] = Rpm,
        ["npm"] = Semver,
        ["Go"] = Semver,
        ["crates.io"] = Semver,
        ["Hex"] = Semver,
        ["SwiftURL"] = Semver,
        ["GitHub Actions"] = Semver,
        ["Bitnami"] = Semver,
        ["Julia"] = Semver,
        ["Pub"] = new SemverOrder { BuildCounts = true },
        ["NuGet"] = new SemverOrder { IgnoreCase = true },
        ["PyPI"] = new PythonOrder(),
        ["Maven"] = new MavenOrder(),
        ["RubyGems"] = new GemOrder(),
        ["Packagist"] = new PhpOrder(),
    };

    /// <returns>Below zero if the first is lower, zero if they are the same version, else above zero.</returns>
    public abstract int Compare(string one, string other);

    /// <summary>The order of an ecosystem that OSV names, as <c>npm</c> or <c>Debian:12</c>; null if there is none.
    /// </summary>
    public static VersionOrder? Find(string ecosystem)
    {
        var colon = ecosystem.IndexOf(':');
        return Orders.GetValueOrDefault(colon < 0 ? ecosystem : ecosystem[..colon]);
    }
}
