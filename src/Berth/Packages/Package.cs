using System.Text.Json.Serialization;

namespace Berth.Packages;

/// <summary>A package that is installed in an image.</summary>
/// <param name="Type">Its kind, as package URLs have it: deb, apk, npm.</param>
/// <param name="Name">Its name there, with what it belongs to: <c>@scope/name</c>, <c>group:artifact</c>.</param>
/// <param name="Version">Its version, in the order of its kind; of rpm with its epoch, if that is not 0.</param>
internal sealed record Package(string Type, string Name, string Version)
{
    /// <summary>What it was built for, in its kind's words.</summary>
    public string? Architecture { get; init; }

    /// <summary>The source that it was built from, if that has another name.</summary>
    public string? Source { get; init; }

    /// <summary>True if what lists it does not say what it was built from; else null.</summary>
    public bool? LacksSource { get; init; }

    /// <summary>The version of that source, if it is another.</summary>
    public string? SourceVersion { get; init; }

    /// <summary>Its licence, in its own words.</summary>
    public string? License { get; init; }

    /// <summary>The module of a distribution that it is part of (rpm's modularity label).</summary>
    public string? Module { get; init; }

    /// <summary>Who made it, if the package says so (rpm).</summary>
    public string? Vendor { get; init; }

    /// <summary>Where in its file it is, if that is an archive with others in it.</summary>
    public string? Within { get; init; }

    /// <summary>How many characters it has in all, for those who count what they keep.</summary>
    [JsonIgnore]
    public int Chars => Name.Length + Version.Length + (Architecture?.Length ?? 0) + (Source?.Length ?? 0)
        + (SourceVersion?.Length ?? 0) + (License?.Length ?? 0) + (Module?.Length ?? 0) + (Vendor?.Length ?? 0)
        + (Within?.Length ?? 0);
}

/// <summary>The kinds of packages, as package URLs have them.</summary>
internal static class PackageTypes
{
    /// <summary>Whether packages of a kind belong to a distribution, whose package manager lists them.</summary>
    public static bool IsOfDistribution(string type) => type is "deb" or "apk" or "rpm";
}

/// <summary>A distribution, as os-release(5) names it.</summary>
/// <param name="Id">Its name for machines: debian.</param>
/// <param name="VersionId">Its version for machines; empty of one that has none.</param>
/// <param name="Name">Its name for people.</param>
internal sealed record OsRelease(string Id, string VersionId, string Name)
{
    /// <summary>Its name in the Common Platform Enumeration.</summary>
    public string? Cpe { get; init; }

    /// <summary>Names of those it comes from, with spaces between them.</summary>
    public string? Like { get; init; }

    /// <summary>Where Alpine's packages come from, a line for each place.</summary>
    public string? Repositories { get; init; }
}

/// <summary>A file of a layer that says something of packages.</summary>
/// <param name="Path">Where, without a slash at the beginning.</param>
/// <param name="Packages">The packages.</param>
internal sealed record PackageFile(string Path, IReadOnlyList<Package> Packages)
{
    /// <summary>What a package, a path or a file takes in memory besides its characters, in characters.</summary>
    public const int CostChars = 64;

    /// <summary>Why that may not be all; null if it is.</summary>
    public string? Fault { get; init; }

    /// <summary>Files of packages that the file lists, of those that matter.</summary>
    public IReadOnlyList<string>? Owned { get; init; }

    /// <summary>The distribution, if the file says it.</summary>
    public OsRelease? OsRelease { get; init; }

    /// <summary>Where Alpine's packages come from, a line for each place.</summary>
    public string? Repositories { get; init; }

    /// <summary>The licences of the package that the file is about, with <c>AND</c> between them.</summary>
    public string? License { get; init; }

    /// <summary>How many characters it has besides its packages and what it owns, for those who count what they keep.
    /// </summary>
    [JsonIgnore]
    public int Chars => Path.Length + (Fault?.Length ?? 0) + (License?.Length ?? 0) + (Repositories?.Length ?? 0);

    /// <summary>How many it has in all, with what it takes to keep them.</summary>
    [JsonIgnore]
    public long AllChars => CostChars + Chars + Packages.Sum(package => (long)CostChars + package.Chars)
        + (Owned?.Sum(path => (long)CostChars + path.Length) ?? 0);
}
