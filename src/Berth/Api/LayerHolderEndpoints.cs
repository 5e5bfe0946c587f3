using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>A repository with images that have a layer.</summary>
internal sealed record LayerHolderView(string Repository, IReadOnlyList<LayerImageView> Images, bool HasMore);

/// <summary>An image that has a layer.</summary>
/// <param name="Tag">Its newest tag, or else that of an index that it is in; null if there is none.</param>
/// <param name="Platform">What it is for; null if that is not known.</param>
internal sealed record LayerImageView(string Digest, string? Tag, string? Platform)
{
    public static LayerImageView Of(LayerImage image) =>
        new(image.Digest, image.Tag, image.Platform.Length == 0 ? null : image.Platform);
}

/// <summary>
/// <c>/images/{reference}/layers/{digest}/holders</c>: who else has a layer, as far as the caller may pull from there.
/// </summary>
internal sealed class LayerHolderEndpoints(Database database, ManifestTable manifests, RepositoryListing listing)
{
    private const int MaxImages = 10;

    /// <summary>Each of a page takes a query of its own.</summary>
    private const int MaxHolders = 100;

    /// <summary>What is read at once, and how often, where much is passed over that the caller must not see.</summary>
    private const int ChunkEntries = 1000;
    private const int MaxChunks = 20;

    /// <summary>The repositories, the oldest first, each with some images other than the one that was asked about.
    /// </summary>
    public async Task<ApiAnswer<Listed<LayerHolderView>>> ListAsync(
        HttpContext http, string reference, string digest, string repository)
    {
        if (!RepositoryName.TryParse(repository, out var name) || !Reference.TryParse(reference, out var asked)
            || await manifests.FindAsync(name, asked, http.RequestAborted) is not { } stored)
        {
            return ApiError.NotFound($"image {PlainText.Of(reference)} in {PlainText.Of(repository)}");
        }

        if (!Digest.TryParse(digest, out var layer) || await database.ReadAsync(
            session => LayerHolderTable.FindAsync(session, repository, stored.Digest, layer), http.RequestAborted)
            is not { } id)
        {
            return ApiError.NotFound($"layer {PlainText.Of(digest)} in {PlainText.Of(reference)}");
        }

        var page = http.Page();
        page = page with { Count = Math.Min(page.Count, MaxHolders) };
        var (places, isVisible) = await listing.PlacesAsync(http);
        if (await FindLastAsync(page.Last, isVisible, http.RequestAborted) is not { } last)
            return ApiError.Invalid("last is no repository that you may pull from");
        var found = new List<LayerHolder>();
        var count = page.Count + 1;
        for (var chunks = 0; chunks < MaxChunks; chunks++)
        {
            var after = last;
            var chunk = await database.ReadAsync(
                session => LayerHolderTable.ListAsync(session, layer, (id, stored.Digest), places, after, ChunkEntries),
                http.RequestAborted);
            found.AddRange(chunk.Where(one => isVisible(one.Name, one.IsPublic)).Take(count - found.Count));
            if (chunk.Count < ChunkEntries || found.Count == count) break;
            last = chunk[^1].Id;
        }

        var views = new List<LayerHolderView>();
        foreach (var holder in found)
        {
            var images = await database.ReadAsync(
                session => LayerHolderTable.ImagesAsync(
                    session, layer, (id, stored.Digest), holder.Id, MaxImages + 1), http.RequestAborted);
            views.Add(new LayerHolderView(
                holder.Name,
                [.. images.Take(MaxImages).Select(LayerImageView.Of)],
                images.Count > MaxImages));
        }

        return http.Answer(page, views, one => one.Repository);
    }

    /// <summary>
    /// The number of the repository that a page begins after. One that the caller must not see is as one that is not
    /// there.
    /// </summary>
    private async ValueTask<long?> FindLastAsync(
        string last, Func<string, bool, bool> isVisible, CancellationToken cancellation)
    {
        if (last.Length == 0) return 0;
        if (!RepositoryName.TryParse(last, out var name)) return null;
        return await database.ReadAsync(
            async session => await NamespaceTable.FindAsync(session, last) is { } row && isVisible(last, row.IsPublic)
                ? await RepositoryTable.FindAsync(session, name) : null,
            cancellation);
    }
}
