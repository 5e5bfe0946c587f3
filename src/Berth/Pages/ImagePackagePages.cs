using Berth.Api;

namespace Berth.Pages;

/// <summary>The packages that are installed in an image.</summary>
/// <param name="Image">The image.</param>
/// <param name="Platform">Which of an index's images was asked for; null: none.</param>
/// <param name="Search">What their names are to have in them; empty: anything.</param>
/// <param name="Found">What is known.</param>
/// <param name="Items">A page of the packages.</param>
internal sealed record ImagePackagesPage(
    ShownImage Image, string? Platform, string Search, ImagePackagesView Found, PageList<InstalledPackageView> Items)
{
    /// <summary>Whether the list gets longer by itself.</summary>
    public bool IsWaiting => Found.Layers.Any(layer => layer.State == "waiting");

    /// <summary>Whether a bill of materials can be made.</summary>
    public bool MayDownload => Found.Layers.All(layer => layer.State is not ("waiting" or "off"));
}

/// <summary>Below <c>/r/NAME:TAG/-/</c>: what is installed in images.</summary>
internal sealed class ImagePackagePages(ImagePages images, ImagePackageEndpoints packages)
{
    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var (image, error) = await images.FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        if (image.Child is { IsMissing: true })
            return new PageResult(new Pages_ImageMissing { Model = (image, "packages") });
        var (search, platform) = (http.Request.Query["q"].ToString(), PlatformOf(http));
        var answer = await packages.ListAsync(
            http, image.Reference, image.Name, platform ?? image.Child?.Digest, search.Length > 0 ? search : null);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var items = PageList<InstalledPackageView>.Of(http, new Listed<InstalledPackageView>(found.Items));
        return new PageResult(new Pages_ImagePackages
        {
            Model = new ImagePackagesPage(image, platform, search, found, items),
        });
    }

    public async Task<IResult> DownloadAsync(HttpContext http)
    {
        var (image, error) = await images.FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var file = await packages.GetSbomAsync(
            http, image.Reference, image.Name, PlatformOf(http) ?? image.Child?.Digest,
            http.Request.Query["format"].ToString(),
            http.Request.Query["source"].ToString() is { Length: > 0 } source ? source : null);
        return file.Error is { } refusal ? ProblemPage.Of(http, refusal) : file;
    }

    private static string? PlatformOf(HttpContext http) =>
        http.Request.Query["platform"].ToString() is { Length: > 0 } platform ? platform : null;
}
