using System.Text.RegularExpressions;
using Berth.Packages;

namespace Berth.Vulnerabilities;

/// <summary>The ecosystems of distributions.</summary>
internal static partial class Ecosystems
{
    private const int MaxLength = 200;

    /// <summary>The ecosystem that OSV has its packages in; null if there is none.</summary>
    public static string? Of(OsRelease system) => system.Id switch
    {
        "debian" => WithVersion("Debian", Major(system.VersionId)),
        "ubuntu" => WithVersion("Ubuntu", IsLongTerm(system.VersionId) ? system.VersionId + ":LTS" : system.VersionId),
        "echo" => "Echo",
        "alpine" => WithVersion("Alpine", AlpineRelease(system)),
        "wolfi" => "Wolfi",
        "chainguard" => "Chainguard",
        "minimos" => "MinimOS",
        "alpaquita" => WithVersion("Alpaquita", system.VersionId),
        "bellsoft-hardened-containers" => WithVersion("BellSoft Hardened Containers", system.VersionId),
        "rhel" => RedHat(system),
        // What it was until version 8: the same packages, built again.
        "centos" when Major(system.VersionId) is "6" or "7" or "8" => WithVersion("Red Hat", Major(system.VersionId)),
        "ol" => WithVersion("Oracle Linux", Major(system.VersionId)),
        "amzn" => WithVersion("Amazon Linux", Major(system.VersionId)),
        "fedora" => WithVersion("Fedora", Major(system.VersionId)),
        "almalinux" => WithVersion("AlmaLinux", Major(system.VersionId)),
        "rocky" => WithVersion("Rocky Linux", Major(system.VersionId)),
        "azurelinux" or "mariner" => WithVersion("Azure Linux", Major(system.VersionId)),
        "mageia" => WithVersion("Mageia", system.VersionId),
        "photon" => WithVersion("Photon OS", system.VersionId),
        "openEuler" => WithVersion("openEuler", OpenEulerRelease(system.Name)),
        "opensuse-leap" or "opensuse-tumbleweed" => WithVersion("openSUSE", After(system.Name, "openSUSE ")),
        "sles" or "sled" or "sles_sap" or "suse-microos" => Normalize("SUSE:" + After(system.Name, "SUSE ")),
        _ => null,
    };

    /// <summary>Whether images of a distribution have the packages that are installed in a list that is read: not
    /// those of one that is known for none, such as NixOS.</summary>
    public static bool ListsPackages(OsRelease system) =>
        Of(system) is not null || Of(system with { VersionId = "1" }) is not null
        || (system.Like ?? "").Split(' ').Append(system.Id).Any(id => id is "debian" or "ubuntu" or "alpine" or "rhel"
            or "centos" or "fedora" or "suse" or "opensuse");

    /// <summary>
    /// The name of an ecosystem here, where records have several for the packages of one release: Red Hat's has its
    /// repositories in it, SUSE's its products and modules. Null for none, and for products that are not the
    /// distribution itself, such as support for longer.
    /// </summary>
    public static string? Normalize(string ecosystem)
    {
        if (ecosystem.Length is 0 or > MaxLength || ecosystem.Any(char.IsControl)) return null;
        if (After(ecosystem, "Red Hat:") is { } redHat)
        {
            if (redHat.All(char.IsAsciiDigit)) return ecosystem;
            return RedHatRelease().Match(redHat) is { Success: true } match ? $"Red Hat:{match.Groups[1].Value}" : null;
        }

        if (After(ecosystem, "SUSE:") is { } suse && SuseRelease().Match(suse) is { Success: true } release)
        {
            var pack = release.Groups["pack"] is { Success: true } number && number.Value != "0"
                ? $" SP{number.Value}" : "";
            return $"SUSE:{release.Groups["major"].Value}{pack}";
        }

        return ecosystem is "SUSE:" ? null : ecosystem;
    }

    /// <summary>The distribution of an ecosystem, as package URLs name it; null for those that have no such name.
    /// </summary>
    public static OsRelease? SystemOf(string ecosystem)
    {
        var colon = ecosystem.IndexOf(':');
        var (name, release) = colon < 0 ? (ecosystem, "") : (ecosystem[..colon], ecosystem[(colon + 1)..]);
        var id = name switch
        {
            "Debian" or "Ubuntu" or "Alpine" or "Wolfi" or "Chainguard" or "AlmaLinux" or "Fedora" =>
                name.ToLowerInvariant(),
            "Red Hat" => "rhel",
            "Rocky Linux" => "rocky",
            "Oracle Linux" => "ol",
            "Amazon Linux" => "amzn",
            "Azure Linux" => "azurelinux",
            "Photon OS" => "photon",
            "SUSE" => "sles",
            "openSUSE" => "opensuse-leap",
            _ => null,
        };
        return id is null ? null : new OsRelease(
            id, release.TrimStart('v').Replace(":LTS", "", StringComparison.Ordinal), name);
    }

    /// <summary>The ecosystem of one of the distributions that Grype knows; null if there is none.</summary>
    public static string? OfGrype(string name, string major, string minor, string label) => name switch
    {
        "debian" => WithVersion("Debian", major),
        "ubuntu" => Of(new OsRelease("ubuntu", $"{major}.{minor}", "")),
        "alpine" => label == "edge" ? "Alpine:edge" : major.Length == 0 ? null : $"Alpine:v{major}.{minor}",
        // It has the same for each minor release too.
        "redhat" => minor.Length == 0 ? WithVersion("Red Hat", major) : null,
        "almalinux" => WithVersion("AlmaLinux", major),
        "rockylinux" => WithVersion("Rocky Linux", major),
        "oraclelinux" => WithVersion("Oracle Linux", major),
        "amazonlinux" => WithVersion("Amazon Linux", major),
        "fedora" => WithVersion("Fedora", major),
        "azurelinux" or "mariner" => WithVersion("Azure Linux", major),
        "photon" => WithVersion("Photon OS", minor.Length == 0 ? $"{major}.0" : $"{major}.{minor}"),
        "sles" => major.Length == 0 ? null : minor is "" or "0" ? $"SUSE:{major}" : $"SUSE:{major} SP{minor}",
        "opensuseleap" => major.Length == 0 ? null : $"openSUSE:Leap {major}.{minor}",
        "wolfi" => "Wolfi",
        "chainguard" => "Chainguard",
        "minimos" => "MinimOS",
        "echo" => "Echo",
        _ => null,
    };

    /// <summary>By its version; by its CPE if it does not say that.</summary>
    private static string? RedHat(OsRelease system) =>
        WithVersion("Red Hat", Major(system.VersionId))
        ?? (After(system.Cpe, ":redhat:") is { } product ? Normalize("Red Hat:" + product) : null);

    private static string? WithVersion(string ecosystem, string? version) =>
        version is { Length: > 0 } ? $"{ecosystem}:{version}" : null;

    private static string? Major(string? version) => version?.Split('.')[0];

    private static string? After(string? text, string before) =>
        text?.IndexOf(before, StringComparison.Ordinal) is >= 0 and var at ? text[(at + before.Length)..] : null;

    /// <summary>Ubuntu's releases of April in even years are supported for long.</summary>
    private static bool IsLongTerm(string? version) =>
        version is [_, '0' or '2' or '4' or '6' or '8', '.', '0', '4'];

    /// <summary>The newest release that packages come from, since an image may take some from a newer one than it says.
    /// </summary>
    private static string? AlpineRelease(OsRelease system)
    {
        var version = system.VersionId;
        var releases = AlpineReleases().Matches(system.Repositories ?? "")
            .Select(match => match.Groups[1].Value).ToList();
        if (releases.Contains("edge") || version.Contains("_alpha", StringComparison.Ordinal)) return "edge";
        if (version.Length > 0) releases.Add("v" + string.Join('.', version.Split('.').Take(2)));
        return releases.MaxBy(release => Version.TryParse(release[1..], out var parsed) ? parsed : new Version());
    }

    /// <summary><c>openEuler 22.03 (LTS-SP3)</c> is 22.03-LTS-SP3.</summary>
    private static string? OpenEulerRelease(string? prettyName) =>
        After(prettyName, "openEuler ")?.Replace(" (", "-", StringComparison.Ordinal).TrimEnd(')');

    [GeneratedRegex("^enterprise_linux:([0-9]{1,3})([.][0-9]{1,3})?(:|$)")]
    private static partial Regex RedHatRelease();

    /// <summary>What is supported for longer is named after a hyphen: it is fixed in the same versions.</summary>
    [GeneratedRegex(
        "^Linux Enterprise (?!(Micro|Real Time|Live) )([A-Za-z0-9]+ )+"
        + "(?<major>[0-9]{1,3})([ .](SP)?(?<pack>[0-9]{1,3}))?(-[A-Z]+)*$")]
    private static partial Regex SuseRelease();

    [GeneratedRegex("^[^#\n]*/(v[0-9]{1,5}[.][0-9]{1,5}|edge)/", RegexOptions.Multiline)]
    private static partial Regex AlpineReleases();
}
