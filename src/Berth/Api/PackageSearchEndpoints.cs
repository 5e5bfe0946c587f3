using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;
using Berth.Scanning;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>An image that has a package.</summary>
internal sealed record FoundPackageView(
    string Repository, string Digest, IReadOnlyList<string> Tags, string Type, string Name, string Version,
    string Source, string SourceVersion);

/// <summary>The images that have a package.</summary>
/// <param name="IsComplete">Whether all images of the registry were looked into.</param>
internal sealed record PackageSearchView(IReadOnlyList<FoundPackageView> Items, bool IsComplete);

/// <summary><c>/search/packages</c>: which images have a package, as far as the caller may pull them.</summary>
/// <param name="listing">What the caller may see.</param>
/// <param name="database">What is installed in images.</param>
/// <param name="settings">Whether all images are looked into.</param>
/// <param name="reading">Where searches have their places; null in a command on the database.</param>
internal sealed class PackageSearchEndpoints(
    RepositoryListing listing, Database database, ContentsSettings settings, FileReading? reading)
{
    private const int MaxName = 256;

    /// <summary>Of one name, with all its versions, in all distributions.</summary>
    private const int MaxVersions = 100_000;

    /// <param name="http">The request.</param>
    /// <param name="name">The package's name, or that of the source that it was built from.</param>
    /// <param name="version">Only this version.</param>
    /// <param name="below">Only versions below this one.</param>
    /// <param name="type">Only packages of this kind.</param>
    /// <param name="space">Only in this namespace.</param>
    /// <param name="repository">Only in this repository.</param>
    public async Task<ApiAnswer<PackageSearchView>> FindAsync(
        HttpContext http, string name, string? version = null, string? below = null, string? type = null,
        [FromQuery(Name = "namespace")] string? space = null, string? repository = null)
    {
        if (name.Length is 0 or > MaxName)
            return ApiError.Invalid($"name must have from 1 to {MaxName} characters: the name of a package");
        if (new[] { version, below, type }.Any(one => one?.Length > MaxName))
            return ApiError.Invalid($"version, below and type must have at most {MaxName} characters");
        var (places, error) = await listing.PlacesInAsync(http, space, repository);
        if (places is null) return error!;
        var page = http.Page();
        if (!PackageHolders.TryParse(page.Last, out var last))
            return ApiError.Invalid("last is not from an answer to such a search");
        using var place = reading is null ? null : await reading.TakeSearchPlaceAsync(http.RequestAborted);
        if (reading is not null && place is null)
            return ApiError.Busy("the registry is busy with other searches: ask again later");
        var known = await database.ReadAsync(
            session => PackageSearchTable.FindAsync(
                session, FormsOf(name), version ?? "", type ?? "", MaxVersions + 1),
            http.RequestAborted);
        if (known.Count > MaxVersions)
            return ApiError.Invalid($"{name} has more than {MaxVersions} versions here: name one with version");
        var wanted = known.Where(one => IsWanted(one.Key, name, version, below)).ToDictionary(one => one.Id);
        var (found, next) = await PackageHolders.FindAsync(
            database, wanted.Keys, places, last, page.Count + 1, http.RequestAborted);
        var isPartial = await database.ReadAsync(ImageScanTable.IsAnyPartialAsync, http.RequestAborted);
        found = [.. http.Answer(page, found, PackageHolders.TextOf, next).Items];
        return new PackageSearchView(
            await PackageHolders.ShowAsync(
                database, found,
                (one, tags) => ViewOf(one, tags, wanted[one.Package].Key), http.RequestAborted),
            settings.Index == ContentsIndexing.Always && !isPartial);
    }

    /// <summary>A name as it is, and as kinds of packages compare it.</summary>
    private static IEnumerable<string> FormsOf(string name) =>
        new[] { name, PackageOrder.NameOf("pypi", name), PackageOrder.NameOf("nuget", name) }.Distinct();

    private static bool IsWanted(PackageKey package, string name, string? version, string? below)
    {
        var order = below is null ? null : PackageOrder.Of(package.Type);
        return (package.Name == name && Fits(package.Version))
            || (package.Source == PackageOrder.NameOf(package.Type, name) && Fits(package.SourceVersion));

        bool Fits(string installed) => (version is null || installed == version)
            && (below is null || order?.Compare(installed, below) < 0);
    }

    private static FoundPackageView ViewOf(PackageHolderRow one, IReadOnlyList<string> tags, PackageKey package) => new(
        one.Repository, one.Image.Text, tags, package.Type, package.Name, package.Version, package.Source,
        package.SourceVersion);
}
