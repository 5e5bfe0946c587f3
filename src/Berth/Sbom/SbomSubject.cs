using System.Security.Cryptography;
using System.Text;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Sbom;

/// <summary>What a bill of materials is about.</summary>
/// <param name="Repository">The image's repository.</param>
/// <param name="Digest">Its manifest.</param>
/// <param name="Tag">The tag that it was asked for by; null: by its digest.</param>
/// <param name="Host">The registry's name, with its port; null: unknown.</param>
/// <param name="CreatedAt">When the bill is made.</param>
internal sealed record SbomSubject(
    RepositoryName Repository, Digest Digest, string? Tag, string? Host, DateTimeOffset CreatedAt)
{
    /// <summary>How the registry is reached.</summary>
    public string Scheme { get; init; } = Uri.UriSchemeHttps;

    /// <summary>Its name for people.</summary>
    public string Name => (Host is null ? "" : $"{Host}/") + Repository.Text
        + (Tag is null ? $"@{Digest.Text}" : $":{Tag}");

    public string Url => PackageUrl.OfImage(Repository, Host, Digest, Tag);

    /// <summary>The time as both formats want it.</summary>
    public string Created => CreatedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null);
}

/// <summary>An entry of a bill of materials: a package in a file.</summary>
/// <param name="Id">What it is called in the bill; the same for the same package in the same file of any image.
/// </param>
/// <param name="Url">The package.</param>
/// <param name="Installed">Where it is.</param>
internal sealed record SbomEntry(string Id, string Url, InstalledPackage Installed)
{
    private const int IdBytes = 8;

    public Package Package => Installed.Package;

    /// <summary>Where the package is, with the place in an archive.</summary>
    public string Location => Package.Within is { } within ? $"/{Installed.Path}!/{within}" : $"/{Installed.Path}";

    /// <summary>All packages of an image, each once.</summary>
    public static IEnumerable<SbomEntry> ListOf(InstalledPackages installed)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var one in installed.Packages)
        {
            var url = PackageUrl.Of(one.Package, installed.OsRelease);
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{url} {one.Path} {one.Package.Within}"));
            var id = Convert.ToHexStringLower(hash.AsSpan(0, IdBytes));
            if (seen.Add(id)) yield return new SbomEntry(id, url, one);
        }
    }
}
