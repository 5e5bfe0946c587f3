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

    /// <summary>How often in a row it looks for what the caller may see, before it says how far it came.</summary>
    private const int MaxRounds = 10;

    private const int MaxTags = 10;

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
        if (!TryParse(page.Last, out var last)) return ApiError.Invalid("last is not from an answer to such a search");
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
        var (found, next) = await FindAsync(wanted, places, last, page.Count + 1, http.RequestAborted);
        var isPartial = await database.ReadAsync(ImageScanTable.IsAnyPartialAsync, http.RequestAborted);
        found = [.. http.Answer(page, found, TextOf, next).Items];
        return new PackageSearchView(
            await ShowAsync(found, wanted, http.RequestAborted),
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

    /// <summary>What is visible, from place to place, until there are enough; or where to go on.</summary>
    private async Task<(List<PackageHolderRow> Found, string? Next)> FindAsync(
        Dictionary<long, PackageRow> packages, VisiblePlaces places, PackageHolderRow? last, int count,
        CancellationToken cancellation)
    {
        var found = new List<PackageHolderRow>();
        for (var round = 0; packages.Count > 0 && found.Count < count; round++)
        {
            if (round == MaxRounds) return (found, TextOf(last!));
            var read = await database.ReadAsync(
                session => PackageSearchTable.HoldersAsync(session, packages.Keys, places.Places, last, count),
                cancellation);
            found.AddRange(read.Where(one => places.IsVisible(one.Repository, one.IsPublic)).Take(count - found.Count));
            if (read.Count < count) break;
            last = read[^1];
        }

        return (found, null);
    }

    private ValueTask<List<FoundPackageView>> ShowAsync(
        List<PackageHolderRow> found, Dictionary<long, PackageRow> packages, CancellationToken cancellation) =>
        database.ReadAsync(
            async session =>
            {
                var items = new List<FoundPackageView>(found.Count);
                foreach (var one in found)
                {
                    var package = packages[one.Package].Key;
                    items.Add(new FoundPackageView(
                        one.Repository, one.Image.Text,
                        await ImageTable.TagsOfAsync(session, one.Repository, one.Image, MaxTags), package.Type,
                        package.Name, package.Version, package.Source, package.SourceVersion));
                }

                return items;
            },
            cancellation);

    private static string TextOf(PackageHolderRow row) => $"{row.Repository} {row.Image.Text} {row.Package}";

    private static bool TryParse(string text, out PackageHolderRow? row)
    {
        row = null;
        if (text.Length == 0) return true;
        if (text.Split(' ') is not [var repository, var image, var package]
            || !Digest.TryParse(image, out var digest) || !long.TryParse(package, out var id))
        {
            return false;
        }

        row = new PackageHolderRow(repository, IsPublic: false, digest, id);
        return true;
    }
}
