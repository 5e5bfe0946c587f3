using System.Text;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Sbom;

/// <summary>Names of packages that any tool understands (the purl specification).</summary>
internal static class PackageUrl
{
    /// <summary>The name of a package that is installed in an image.</summary>
    /// <param name="package">The package.</param>
    /// <param name="system">The distribution; null if the image does not say.</param>
    public static string Of(Package package, OsRelease? system)
    {
        var url = new StringBuilder("pkg:").Append(package.Type).Append('/');
        var isOfSystem = PackageTypes.IsOfDistribution(package.Type);
        var (space, name) = PartsOf(package);
        if (isOfSystem && system is not null) space = VendorOf(system);
        if (space.Length > 0) AppendPath(url, space).Append('/');
        Append(url, name);
        var (epoch, version) = package.Type == "rpm" ? Epoch(package.Version) : (null, package.Version);
        if (version.Length > 0) Append(url.Append('@'), version);
        AppendQualifiers(url,
        [
            ("arch", isOfSystem ? package.Architecture : null),
            ("distro", isOfSystem && system is not null ? DistroOf(system) : null),
            ("epoch", epoch),
            ("platform", package.Type == "gem" ? package.Architecture : null),
            ("rpmmod", package.Module),
            ("upstream", isOfSystem ? UpstreamOf(package) : null),
        ]);
        return url.ToString();
    }

    /// <summary>The name of an image.</summary>
    /// <param name="repository">Its repository.</param>
    /// <param name="host">The registry's; null: unknown.</param>
    /// <param name="digest">Its manifest.</param>
    /// <param name="tag">A tag of it.</param>
    public static string OfImage(RepositoryName repository, string? host, Digest digest, string? tag)
    {
        var name = repository.Text[(repository.Text.LastIndexOf('/') + 1)..];
        var url = new StringBuilder("pkg:oci/");
        Append(Append(url, name).Append('@'), digest.Text);
        AppendQualifiers(
            url, [("repository_url", host is null ? null : $"{host}/{repository.Text}"), ("tag", tag)]);
        return url.ToString();
    }

    /// <summary>Its namespace and its name, as its kind writes them.</summary>
    private static (string Space, string Name) PartsOf(Package package)
    {
        var name = package.Type switch
        {
            "deb" or "apk" or "composer" or "golang" => package.Name.ToLowerInvariant(),
            "pypi" => package.Name.ToLowerInvariant().Replace('_', '-'),
            _ => package.Name,
        };
        var split = package.Type switch
        {
            "maven" => name.IndexOf(':'),
            "npm" when name.StartsWith('@') => name.IndexOf('/'),
            "golang" or "composer" => name.LastIndexOf('/'),
            _ => -1,
        };
        return split < 0 ? ("", name) : (name[..split], name[(split + 1)..]);
    }

    /// <summary>Of an rpm, the epoch is not part of the version.</summary>
    private static (string? Epoch, string Version) Epoch(string version) =>
        version.IndexOf(':') is >= 0 and var colon ? (version[..colon], version[(colon + 1)..]) : (null, version);

    /// <summary>As the vendor of the distribution is called in such names.</summary>
    private static string VendorOf(OsRelease system) => system.Id.ToLowerInvariant() switch
    {
        "rhel" => "redhat",
        "sles" or "sled" or "sles_sap" => "suse",
        "opensuse-leap" or "opensuse-tumbleweed" => "opensuse",
        var id => id,
    };

    private static string DistroOf(OsRelease system) =>
        system.VersionId.Length == 0 ? system.Id : $"{system.Id}-{system.VersionId}";

    private static string? UpstreamOf(Package package) => (package.Source, package.SourceVersion) switch
    {
        (null, null) => null,
        (var source, null) => source,
        var (source, version) => $"{source ?? package.Name}@{version}",
    };

    private static void AppendQualifiers(StringBuilder url, (string Key, string? Value)[] qualifiers)
    {
        var separator = '?';
        foreach (var (key, value) in qualifiers)
        {
            if (string.IsNullOrEmpty(value)) continue;
            Append(url.Append(separator).Append(key).Append('='), value);
            separator = '&';
        }
    }

    private static StringBuilder AppendPath(StringBuilder url, string path) =>
        url.AppendJoin('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.EscapeDataString));

    private static StringBuilder Append(StringBuilder url, string text) =>
        url.Append(Uri.EscapeDataString(text).Replace("%3A", ":", StringComparison.Ordinal));
}
