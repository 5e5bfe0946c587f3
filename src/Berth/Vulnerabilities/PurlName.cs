using Berth.Packages;

namespace Berth.Vulnerabilities;

/// <summary>A package URL, as far as it matters here (the purl specification): what it has not is null.</summary>
internal sealed record PurlName(string Type, string? Namespace, string Name, string? Version)
{
    private const int MaxLength = 4_000;

    public IReadOnlyDictionary<string, string> Qualifiers { get; init; } = new Dictionary<string, string>();

    /// <summary>Null if it is none.</summary>
    public static PurlName? Parse(string text)
    {
        if (text.Length > MaxLength || !text.StartsWith("pkg:", StringComparison.Ordinal)) return null;
        var rest = text["pkg:".Length..].TrimStart('/').Split('#')[0];
        var parts = rest.Split('?', 2);
        var qualifiers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in parts.Length == 2 ? parts[1].Split('&') : [])
        {
            if (pair.Split('=', 2) is [{ Length: > 0 } key, { Length: > 0 } value])
                qualifiers[key.ToLowerInvariant()] = Uri.UnescapeDataString(value);
        }

        // A version may not have a slash, but the scope of a name may have an @.
        var (path, version) = (parts[0].TrimEnd('/'), (string?)null);
        if (path.LastIndexOf('@') is > 0 and var at && at > path.LastIndexOf('/') + 1)
            (path, version) = (path[..at], Uri.UnescapeDataString(path[(at + 1)..]));
        if (path.Split('/', StringSplitOptions.RemoveEmptyEntries) is not [var type, .. var spaces, var name])
            return null;
        var space = spaces.Length == 0 ? null : string.Join('/', spaces.Select(Uri.UnescapeDataString));
        return new PurlName(
            type.ToLowerInvariant(), space, Uri.UnescapeDataString(name), version is { Length: > 0 } ? version : null)
        {
            Qualifiers = qualifiers,
        }.Normalized();
    }

    /// <summary>Whether a name that may leave things out is a name of a package.</summary>
    /// <param name="package">The package, with all that is known of it.</param>
    public bool Includes(PurlName package) =>
        Type == package.Type && Name == package.Name
        && (Namespace == package.Namespace || (IsOfSystem && (Namespace is null || package.Namespace is null)))
        && (Version is null || IsVersion(package))
        && IsSame("arch", package) && IsOfRelease(package);

    private bool IsOfSystem => PackageTypes.IsOfDistribution(Type);

    /// <summary>Of an rpm, the epoch is a qualifier, but some write it before the version, or leave it out.</summary>
    private bool IsVersion(PurlName package)
    {
        var hasEpoch = Type == "rpm"
            && (Qualifiers.ContainsKey("epoch") || Version!.Contains(':', StringComparison.Ordinal));
        return hasEpoch ? WithEpoch(this) == WithEpoch(package) : Version == package.Version;
    }

    private static string? WithEpoch(PurlName name) =>
        name.Qualifiers.TryGetValue("epoch", out var epoch) && epoch != "0" ? $"{epoch}:{name.Version}"
        : name.Version?.StartsWith("0:", StringComparison.Ordinal) == true ? name.Version[2..] : name.Version;

    private bool IsSame(string key, PurlName package) =>
        !Qualifiers.TryGetValue(key, out var mine) || !package.Qualifiers.TryGetValue(key, out var its) || mine == its;

    /// <summary>Of some distributions, what is known of packages is the same for all releases of a version, or for all
    /// that there are.</summary>
    private bool IsOfRelease(PurlName package)
    {
        if (!Qualifiers.TryGetValue("distro", out var mine) || !package.Qualifiers.TryGetValue("distro", out var its))
            return true;
        (mine, its) = (ReleaseOf(mine), ReleaseOf(its));
        return mine == its || mine.StartsWith(its + (its.Contains('-') ? "." : "-"), StringComparison.Ordinal);
    }

    private static string ReleaseOf(string distro) => distro.ToLowerInvariant() is var name
        && name.StartsWith("redhat-", StringComparison.Ordinal) ? "rhel-" + name["redhat-".Length..] : name;

    /// <summary>What does not count in the names of a type is left out.</summary>
    private PurlName Normalized() => Type switch
    {
        // Programs say go1.22.3, and some name its library v1.22.3.
        "golang" when Name == "stdlib" && Version is ['v', .. var number] => this with { Version = number },
        "pypi" => this with { Name = OsvName.Normalize("PyPI", Name) },
        "deb" or "apk" or "composer" or "golang" or "oci" or "github" => this with
        {
            Namespace = Namespace?.ToLowerInvariant(),
            Name = Name.ToLowerInvariant(),
        },
        "nuget" => this with { Name = Name.ToLowerInvariant() },
        _ => this,
    };
}
