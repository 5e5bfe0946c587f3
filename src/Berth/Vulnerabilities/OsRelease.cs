using System.Text.RegularExpressions;

namespace Berth.Vulnerabilities;

/// <summary>What an image says of its distribution, in <c>etc/os-release</c> (os-release(5)).</summary>
/// <param name="Id">Its name for programs, such as debian.</param>
internal sealed partial record OsRelease(string Id)
{
    /// <summary>Its release, such as 12 or 3.20.3; those that roll may have none.</summary>
    public string? VersionId { get; init; }

    /// <summary>Its name for people, with the release.</summary>
    public string? PrettyName { get; init; }

    /// <summary>Its name in the Common Platform Enumeration.</summary>
    public string? CpeName { get; init; }

    /// <summary>Where Alpine's packages come from: the text of <c>etc/apk/repositories</c>.</summary>
    public string? Repositories { get; init; }

    /// <summary>The ecosystem that OSV has its packages in; null if there is none.</summary>
    public string? Ecosystem => Id switch
    {
        "debian" => WithVersion("Debian", Major(VersionId)),
        "ubuntu" => WithVersion("Ubuntu", IsLongTerm(VersionId) ? VersionId + ":LTS" : VersionId),
        "echo" => "Echo",
        "alpine" => WithVersion("Alpine", AlpineRelease()),
        "wolfi" => "Wolfi",
        "chainguard" => "Chainguard",
        "minimos" => "MinimOS",
        "alpaquita" => WithVersion("Alpaquita", VersionId),
        "bellsoft-hardened-containers" => WithVersion("BellSoft Hardened Containers", VersionId),
        "rhel" => WithVersion("Red Hat", After(CpeName, ":redhat:")),
        "almalinux" => WithVersion("AlmaLinux", Major(VersionId)),
        "rocky" => WithVersion("Rocky Linux", Major(VersionId)),
        "azurelinux" or "mariner" => WithVersion("Azure Linux", Major(VersionId)),
        "mageia" => WithVersion("Mageia", VersionId),
        "photon" => WithVersion("Photon OS", VersionId),
        "openEuler" => WithVersion("openEuler", OpenEulerRelease(PrettyName)),
        "opensuse-leap" or "opensuse-tumbleweed" => WithVersion("openSUSE", After(PrettyName, "openSUSE ")),
        "sles" or "sled" or "sles_sap" or "suse-microos" => WithVersion("SUSE", After(PrettyName, "SUSE ")),
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
    private string? AlpineRelease()
    {
        var releases = AlpineReleases().Matches(Repositories ?? "").Select(match => match.Groups[1].Value).ToList();
        if (releases.Contains("edge") || VersionId?.Contains("_alpha", StringComparison.Ordinal) == true) return "edge";
        if (VersionId is not null) releases.Add("v" + string.Join('.', VersionId.Split('.').Take(2)));
        return releases.MaxBy(release => Version.TryParse(release[1..], out var version) ? version : new Version());
    }

    /// <summary><c>openEuler 22.03 (LTS-SP3)</c> is 22.03-LTS-SP3.</summary>
    private static string? OpenEulerRelease(string? prettyName) =>
        After(prettyName, "openEuler ")?.Replace(" (", "-", StringComparison.Ordinal).TrimEnd(')');

    [GeneratedRegex("^[^#\n]*/(v[0-9]{1,5}[.][0-9]{1,5}|edge)/", RegexOptions.Multiline)]
    private static partial Regex AlpineReleases();
}
