using Berth.Contents;
using Berth.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A file that was found in a layer.</summary>
internal sealed record FoundFileView(string Path, string Kind, long SizeBytes);

/// <summary>A layer with files that were looked for, and images that have it.</summary>
internal sealed record FoundLayerView(
    string Layer, IReadOnlyList<FoundFileView> Files, bool HasMoreFiles, IReadOnlyList<LayerHolderView> Repositories,
    bool HasMoreRepositories);

/// <summary>What a search for files found, and how far it came.</summary>
internal sealed record FileSearchView(
    IReadOnlyList<FoundLayerView> Items, bool IsComplete, double Progress, long Searched, long Unsearched);

/// <summary><c>/search/files</c>: which images have a file, as far as the caller may pull them.</summary>
/// <param name="search">Looks through the lists of layers.</param>
/// <param name="listing">What the caller may see.</param>
/// <param name="database">The images.</param>
/// <param name="reading">Where searches have their places; null in a command on the database.</param>
internal sealed class FileSearchEndpoints(
    LayerSearch search, RepositoryListing listing, Database database, FileReading? reading)
{
    private const int MostLayers = 100;
    private const int MaxImages = 10;

    /// <param name="http">The request.</param>
    /// <param name="name">The file's name or path, with wildcards.</param>
    /// <param name="space">Only in this namespace.</param>
    /// <param name="repository">Only in this repository.</param>
    public Task<ApiAnswer<FileSearchView>> FindAsync(
        HttpContext http, string name, [FromQuery(Name = "namespace")] string? space = null,
        string? repository = null) => FindPageAsync(http, MostLayers, name, space, repository);

    /// <param name="http">The request.</param>
    /// <param name="most">The most layers of an answer.</param>
    /// <param name="name">The file's name or path, with wildcards.</param>
    /// <param name="space">Only in this namespace.</param>
    /// <param name="repository">Only in this repository.</param>
    public async Task<ApiAnswer<FileSearchView>> FindPageAsync(
        HttpContext http, int most, string name, string? space, string? repository)
    {
        if (FilePattern.TryParse(name, out var fault) is not { } pattern) return ApiError.Invalid(fault);
        var page = http.Page();
        if (!LayerSearch.TryParse(page.Last, out var from, out var isPartial))
            return ApiError.Invalid("last is not from an answer to such a search");
        page = page with { Count = Math.Min(page.Count, most) };
        var (places, error) = await listing.PlacesInAsync(http, space, repository);
        if (places is null) return error!;
        var sought = new SoughtFiles(pattern, places.Places, places.IsVisible, from, page.Count)
        {
            IsPartial = isPartial,
        };
        if (await RunAsync(sought, http.RequestAborted) is not { } result)
            return ApiError.Busy("the registry is busy with other searches: ask again later");
        var items = new List<FoundLayerView>();
        foreach (var found in result.Found)
        {
            if (await ShowAsync(found, http.RequestAborted) is { Repositories.Count: > 0 } item) items.Add(item);
        }

        if (result.Next is { } next)
            http.Answer(page, items, one => one.Layer, LayerSearch.TextOf(next, result.IsPartial));
        return new FileSearchView(
            items, result is { Next: null, IsPartial: false },
            Math.Round((double)(result.Next ?? LayerSearch.End) / LayerSearch.End, 4),
            result.Searched, result.Unsearched);
    }

    /// <summary>Null if too many others search.</summary>
    private async Task<LayerSearchResult?> RunAsync(SoughtFiles sought, CancellationToken cancellation)
    {
        using var place = reading is null ? null : await reading.TakeSearchPlaceAsync(cancellation);
        return reading is not null && place is null ? null : await search.RunAsync(sought, cancellation);
    }

    private async ValueTask<FoundLayerView> ShowAsync(FoundLayer found, CancellationToken cancellation)
    {
        var holders = await database.ReadAsync(
            async session =>
            {
                var holders = new List<LayerHolderView>();
                foreach (var holder in found.Holders.Take(LayerSearch.MaxHolders))
                {
                    var images = await LayerHolderTable.ImagesAsync(
                        session, found.Layer, null, holder.Id, MaxImages + 1);

                    // It was deleted meanwhile.
                    if (images.Count == 0) continue;
                    holders.Add(new LayerHolderView(
                        holder.Name, [.. images.Take(MaxImages).Select(LayerImageView.Of)], images.Count > MaxImages));
                }

                return holders;
            },
            cancellation);
        return new FoundLayerView(
            found.Layer.Text,
            [.. found.Files.Select(one =>
                new FoundFileView("/" + one.Path, ImageFileWords.Of(one.Kind), one.SizeBytes))],
            found.HasMore, holders, found.Holders.Count > LayerSearch.MaxHolders);
    }
}
