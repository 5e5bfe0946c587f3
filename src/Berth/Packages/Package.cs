using System.Text.Json.Serialization;

namespace Berth.Packages;

/// <summary>A package that is installed in an image.</summary>
/// <param name="Type">Its kind, as package URLs have it: deb, apk.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Version">Its version, in the order of its kind.</param>
internal sealed record Package(string Type, string Name, string Version)
{
    /// <summary>What it was built for, in its kind's words.</summary>
    public string? Architecture { get; init; }

    /// <summary>The source that it was built from, if that has another name.</summary>
    public string? Source { get; init; }

    /// <summary>The version of that source, if it is another.</summary>
    public string? SourceVersion { get; init; }

    /// <summary>Its licence, in its own words.</summary>
    public string? License { get; init; }

    /// <summary>How many characters it has in all, for those who count what they keep.</summary>
    [JsonIgnore]
    public int Chars => Name.Length + Version.Length + (Architecture?.Length ?? 0) + (Source?.Length ?? 0)
        + (SourceVersion?.Length ?? 0) + (License?.Length ?? 0);
}

/// <summary>A file of a layer that lists packages.</summary>
/// <param name="Path">Where, without a slash at the beginning.</param>
/// <param name="Packages">What it lists.</param>
internal sealed record PackageFile(string Path, IReadOnlyList<Package> Packages)
{
    /// <summary>Why that may not be all; null if it is.</summary>
    public string? Fault { get; init; }
}
