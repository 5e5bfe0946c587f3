using System.Text.RegularExpressions;
using Berth.Packages;

namespace Berth.Vulnerabilities;

/// <summary>The ecosystems of distributions.</summary>
internal static partial class Ecosystems
{
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
        "rhel" => WithVersion("Red Hat", After(system.Cpe, ":redhat:")),
        "almalinux" => WithVersion("AlmaLinux", Major(system.VersionId)),
        "rocky" => WithVersion("Rocky Linux", Major(system.VersionId)),
        "azurelinux" or "mariner" => WithVersion("Azure Linux", Major(system.VersionId)),
        "mageia" => WithVersion("Mageia", system.VersionId),
        "photon" => WithVersion("Photon OS", system.VersionId),
        "openEuler" => WithVersion("openEuler", OpenEulerRelease(system.Name)),
        "opensuse-leap" or "opensuse-tumbleweed" => WithVersion("openSUSE", After(system.Name, "openSUSE ")),
        "sles" or "sled" or "sles_sap" or "suse-microos" => WithVersion("SUSE", After(system.Name, "SUSE ")),
        _ => null,
    };

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

    [GeneratedRegex("^[^#\n]*/(v[0-9]{1,5}[.][0-9]{1,5}|edge)/", RegexOptions.Multiline)]
    private static partial Regex AlpineReleases();
}
