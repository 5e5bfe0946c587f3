using Berth.Api;

namespace Berth.Pages;

/// <summary>What another scanner found in an image.</summary>
/// <param name="Image">The image.</param>
/// <param name="Platform">Which of an index's images; null: none was chosen.</param>
/// <param name="Found">What it found.</param>
/// <param name="Items">A page of it.</param>
internal sealed record ImageScannerPage(
    ShownImage Image, string? Platform, ImageScannerFindingsView Found, PageList<ScannerFindingView> Items);

/// <summary>Below <c>/r/NAME:TAG/-/</c>: what the scanner in the query found.</summary>
internal sealed class ImageScannerPages(ImagePages images, ScannerEndpoints scanners)
{
    public const string Page = "scanner";

    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var (image, error) = await images.FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var platform = http.Request.Query["platform"].ToString() is { Length: > 0 } asked ? asked : null;
        var answer = await scanners.ListFindingsAsync(
            http, image.Reference, http.Request.Query["scanner"].ToString(), image.Name,
            platform ?? image.Child?.Digest);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var items = PageList<ScannerFindingView>.Of(http, new Listed<ScannerFindingView>(found.Items));
        return new PageResult(new Pages_ImageScanner
        {
            Model = new ImageScannerPage(image, platform, found, items),
        });
    }
}
