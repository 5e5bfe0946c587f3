using Berth.Packages;

namespace Berth.Vulnerabilities;

/// <summary>A version of a package as OSV names it.</summary>
/// <param name="Ecosystem">As <c>npm</c>, or with a release, as <c>Debian:12</c>.</param>
/// <param name="Name">Its name, in the form in which names are compared.</param>
/// <param name="Version">The version, in the ecosystem's order.</param>
internal sealed record OsvName(string Ecosystem, string Name, string Version)
{
    /// <summary>The module of its distribution that it is part of, if that is known (Package.Module).</summary>
    public string? Module { get; init; }

    /// <summary>What an ecosystem is called for the types of package URLs that have the same everywhere.</summary>
    private static readonly Dictionary<string, string> Languages = new(StringComparer.Ordinal)
    {
        ["npm"] = "npm",
        ["pypi"] = "PyPI",
        ["maven"] = "Maven",
        ["nuget"] = "NuGet",
        ["gem"] = "RubyGems",
        ["golang"] = "Go",
        ["cargo"] = "crates.io",
        ["composer"] = "Packagist",
        ["hex"] = "Hex",
        ["pub"] = "Pub",
    };

    /// <summary>The ecosystem of a kind of packages that has the same everywhere; null if it depends on the
    /// distribution.</summary>
    public static string? EcosystemOf(string type) => Languages.GetValueOrDefault(type);

    /// <summary>The names under which a package is to be looked up: none if there is no data of its kind.</summary>
    /// <param name="package">The package.</param>
    /// <param name="distribution">The ecosystem of the image's distribution, if it has one (Ecosystems).</param>
    public static IEnumerable<OsvName> Of(Package package, string? distribution)
    {
        if (Languages.GetValueOrDefault(package.Type) is { } ecosystem)
        {
            var version = ecosystem == "Go" ? GoVersion.Read(package.Version) : package.Version;
            var name = ecosystem == "Maven" ? package.Name.Replace('/', ':') : package.Name;
            if (version is not null) yield return new OsvName(ecosystem, Normalize(ecosystem, name), version);
            yield break;
        }

        if (distribution is null || !PackageTypes.IsOfDistribution(package.Type)) yield break;
        yield return new OsvName(
            distribution, package.Source ?? package.Name, package.SourceVersion ?? package.Version)
        {
            Module = package.Module,
        };
        // Some of those with RPM name what is installed, and some what it was built from.
        if (package.Type == "rpm" && package.Source is { } source && source != package.Name)
            yield return new OsvName(distribution, package.Name, package.Version) { Module = package.Module };
    }

    /// <summary>The form in which names are compared.</summary>
    public static string Normalize(string ecosystem, string name) => ecosystem switch
    {
        "NuGet" => name.ToLowerInvariant(),
        "PyPI" => PythonName(name),
        _ => name,
    };

    /// <summary>Whether an entry is about this package.</summary>
    public bool Is(OsvAffected affected) =>
        affected.Ecosystem == Ecosystem && Normalize(affected.Ecosystem, affected.Name) == Name
        && IsOf(affected.Module);

    /// <summary>A module's packages have versions of their own: what is fixed in one says nothing of another.</summary>
    private bool IsOf(string? module)
    {
        if (module is null) return true;
        if (Module is not { Length: > 0 } own)
            return module.Length == 0 || Version.Contains(".module", StringComparison.Ordinal);
        return module.Length > 0 && own.StartsWith(module, StringComparison.Ordinal)
            && (own.Length == module.Length || own[module.Length] == ':');
    }

    /// <summary>PEP 503: runs of separators are one hyphen.</summary>
    private static string PythonName(string name)
    {
        var text = new System.Text.StringBuilder(name.Length);
        var wasSeparator = false;
        foreach (var c in name.ToLowerInvariant())
        {
            var isSeparator = c is '-' or '_' or '.';
            if (!isSeparator || !wasSeparator) text.Append(isSeparator ? '-' : c);
            wasSeparator = isSeparator;
        }

        return text.ToString();
    }
}
