using System.Text;
using Berth.Api;
using Berth.Oci;
using Microsoft.Net.Http.Headers;

namespace Berth.Pages;

/// <summary>The files of an image, or of one of its layers.</summary>
/// <param name="Image">The image.</param>
/// <param name="Asked">What of it.</param>
/// <param name="Files">What is there.</param>
/// <param name="Items">A page of what is in the folder, or was found.</param>
/// <param name="Content">The beginning of a file; null for a folder, and for what is no text.</param>
/// <param name="Fault">Why the file can't be shown; null if it can.</param>
/// <param name="Waste">What later layers wasted; null if it was not asked for.</param>
internal sealed record ImageFilesPage(
    ShownImage Image, AskedFiles Asked, ImageFilesView Files, PageList<ImageFileView> Items, string? Content,
    string? Fault, ImageWasteView? Waste)
{
    /// <summary>Whether the list gets longer by itself.</summary>
    public bool IsWaiting => Files.Layers.Any(layer => layer.State == "waiting");
}

/// <summary>What of an image's files somebody asks for, as the query has it.</summary>
internal sealed record AskedFiles(string? Platform, string? Layer, string Path, string Search)
{
    public static AskedFiles Of(HttpContext http)
    {
        var query = http.Request.Query;
        return new AskedFiles(
            Text("platform"), Text("layer"), Text("path") ?? "/", query["q"].ToString());

        string? Text(string name) => query[name].ToString() is { Length: > 0 } text ? text : null;
    }

    /// <summary>The same with another path, as a query; without a search.</summary>
    public string At(string path) => Query(path, Layer);

    /// <summary>The same folder in another layer; null for all.</summary>
    public string In(string? layer) => Query("/", layer);

    private string Query(string path, string? layer) => "?path=" + Uri.EscapeDataString(path)
        + (layer is null ? "" : "&layer=" + Uri.EscapeDataString(layer))
        + (Platform is null ? "" : "&platform=" + Uri.EscapeDataString(Platform));
}

/// <summary>How two images differ.</summary>
/// <param name="Image">The first.</param>
/// <param name="To">The tag or digest of the second; empty while none was chosen.</param>
/// <param name="Repository">Its repository.</param>
/// <param name="Found">How they differ; null while none was chosen.</param>
/// <param name="Items">A page of how their files differ.</param>
internal sealed record ImageComparePage(
    ShownImage Image, string To, string Repository, ImageDifferencesView? Found, PageList<FileDifferenceView>? Items)
{
    /// <summary>Tags to choose from, those that were pushed last.</summary>
    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>The platforms that both are for; fewer than two if there is nothing to choose.</summary>
    public IReadOnlyList<string> Platforms { get; init; } = [];

    /// <summary>How their vulnerabilities differ.</summary>
    public VulnerabilityChangesView? Vulnerabilities { get; init; }

    /// <summary>Why they can't be compared; null if they can.</summary>
    public ApiError? Fault { get; init; }

    /// <summary>The second as people write it, beside the first.</summary>
    public string ToTitle => (Repository == Image.Name ? "" : Repository)
        + (Digest.TryParse(To, out _) ? "@" + To[..19] : Repository == Image.Name ? To : ":" + To);
}

/// <summary>Below <c>/r/NAME:TAG/-/</c>: what is inside images.</summary>
internal sealed class ImageFilePages(
    ImagePages images, ImageFileEndpoints files, ImageEndpoints indexes, TagEndpoints tags,
    VulnerabilityChangeEndpoints vulnerabilities)
{
    /// <summary>Nobody reads more than that on a page.</summary>
    public const int MaxTextBytes = 64 * 1024;

    /// <summary>How many tags a field offers.</summary>
    private const int OfferedTags = 100;

    /// <summary>A browser is not made to decode more.</summary>
    private const int MaxPictureBytes = 4 * 1024 * 1024;

    /// <summary>What is looked at to tell text from other files.</summary>
    private const int LookedAtBytes = 4096;

    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var (image, error) = await images.FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        if (image.Child is { IsMissing: true })
            return new PageResult(new Pages_ImageMissing { Model = (image, "files") });
        var asked = AskedFiles.Of(http);
        var platform = asked.Platform ?? image.Child?.Digest;
        var answer = asked.Search.Length > 0
            ? await files.SearchAsync(http, image.Reference, image.Name, asked.Search, platform, asked.Layer)
            : await files.ListAsync(http, image.Reference, image.Name, platform, asked.Layer, asked.Path);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var items = PageList<ImageFileView>.Of(http, new Listed<ImageFileView>(found.Items));
        var (text, fault) = found.File is { Kind: "file" or "hardLink", SizeBytes: > 0 } file
            && PictureTypeOf(file.Name) is null ? await ReadAsync(http, image, asked) : (null, null);
        var waste = http.Request.Query.ContainsKey("waste")
            ? (await files.WasteAsync(http, image.Reference, image.Name, platform)).Value : null;
        return new PageResult(new Pages_ImageFiles
        {
            Model = new ImageFilesPage(image, asked, found, items, text, fault, waste),
        });
    }

    /// <summary>A picture of an image, for the page of that file alone.</summary>
    public async Task<IResult> ShowPictureAsync(HttpContext http)
    {
        var (name, reference) = ImagePages.NamesIn(http);
        var asked = AskedFiles.Of(http);
        var type = PictureTypeOf(asked.Path);
        if (type is null) return ProblemPage.Of(http, ApiError.Invalid("path must be that of a picture"));
        var file = await files.ReadAsync(http, reference, name, asked.Path, asked.Platform, asked.Layer);
        if (file.Error is null && file.Length > MaxPictureBytes)
            return ProblemPage.Of(http, ApiError.Conflict("the picture is too large to be shown"));
        var (bytes, error) = await file.ReadAsync(MaxPictureBytes, http.RequestAborted);
        if (error is not null) return ProblemPage.Of(http, error);
        return IsPicture(bytes, type) ? new Picture(bytes, type)
            : ProblemPage.Of(http, ApiError.Conflict("the file is not the picture that its name says"));
    }

    public async Task<IResult> CompareAsync(HttpContext http)
    {
        var (image, error) = await images.FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var (to, repository) = (http.Request.Query["to"].ToString(), http.Request.Query["repository"].ToString());
        if (repository.Length == 0) repository = image.Name;
        var names = await PageQuery.AskAsync(
            http, $"?n={OfferedTags}", context => tags.ListAsync(context, image.Name, sort: TagListing.UsualSort));
        var page = new ImageComparePage(image, to, repository, null, null)
        {
            Tags = [.. (names.Value?.Items ?? []).Select(tag => tag.Name)],
        };
        if (to.Length == 0) return new PageResult(new Pages_ImageCompare { Model = page });

        // The digest of an image of this index names none of the other.
        var asked = http.Request.Query["platform"].ToString();
        var (from, platform) = image is { IsAsked: true, Child: { } child } ? (child.Digest, child.Platform)
            : (image.Reference, asked.Length > 0 && image.Platforms.Count == 0 ? asked : null);
        var answer = await files.CompareAsync(http, from, image.Name, to, repository, platform);
        if (answer.Value is not { } found)
        {
            return new PageResult(
                new Pages_ImageCompare { Model = page with { Fault = answer.Error } }, answer.Error!.Status);
        }

        var items = PageList<FileDifferenceView>.Of(http, new Listed<FileDifferenceView>(found.Items));
        var other = (await indexes.GetAsync(http, to, repository)).Value;
        return new PageResult(new Pages_ImageCompare
        {
            Model = page with
            {
                Found = found,
                Items = items,
                Vulnerabilities = (await vulnerabilities.CompareAsync(
                    http, from, image.Name, to, repository, platform)).Value,
                Platforms = [.. image.Platforms.Select(one => one.Platform).Distinct().Intersect(
                    (other is null ? [] : ShownImage.PlatformsOf(other)).Select(one => one.Platform))],
            },
        });
    }

    /// <summary>
    /// The type of a picture that browsers show and can't run, by its name; null for others. SVG is a program.
    /// </summary>
    public static string? PictureTypeOf(string name) => Path.GetExtension(name).ToLowerInvariant() switch
    {
        ".png" => "image/png",
        ".jpg" or ".jpeg" => "image/jpeg",
        ".gif" => "image/gif",
        ".webp" => "image/webp",
        _ => null,
    };

    /// <summary>By its first bytes: what is sent with a type is of that type.</summary>
    private static bool IsPicture(ReadOnlySpan<byte> bytes, string type) => type switch
    {
        "image/png" => bytes.StartsWith(PngMark),
        "image/jpeg" => bytes.StartsWith(JpegMark),
        "image/gif" => bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8),
        _ => bytes.Length > 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8),
    };

    private static ReadOnlySpan<byte> PngMark => [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

    private static ReadOnlySpan<byte> JpegMark => [0xff, 0xd8, 0xff];

    private async Task<(string? Text, string? Fault)> ReadAsync(HttpContext http, ShownImage image, AskedFiles asked)
    {
        var file = await files.ReadAsync(
            http, image.Reference, image.Name, asked.Path, asked.Platform ?? image.Child?.Digest, asked.Layer);
        var (bytes, error) = await file.ReadAsync(MaxTextBytes, http.RequestAborted);
        if (error is not null) return (null, error.Detail);
        return (PlainFile.TextOf(bytes, LookedAtBytes), null);
    }

    /// <summary>Nothing but this picture, whatever the bytes are.</summary>
    private sealed class Picture(byte[] bytes, string type) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = type;
            response.ContentLength = bytes.Length;
            response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'";
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers.CacheControl = "no-store";
            response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
            response.Headers[HeaderNames.ContentDisposition] = "inline";
            if (!HttpMethods.IsHead(httpContext.Request.Method))
                await response.Body.WriteAsync(bytes, httpContext.RequestAborted);
        }
    }
}

/// <summary>Tells files of text from others.</summary>
internal static class PlainFile
{
    /// <summary>The text; null if it is none: a NUL, or much that is no UTF-8, is in its beginning.</summary>
    /// <param name="bytes">The file's beginning.</param>
    /// <param name="lookedAt">So many bytes of it tell.</param>
    public static string? TextOf(byte[] bytes, int lookedAt)
    {
        var start = bytes.AsSpan(0, Math.Min(bytes.Length, lookedAt));
        if (start.Contains((byte)0)) return null;
        var text = Encoding.UTF8.GetString(start);
        return text.Count(c => c == '\ufffd') > 1 + (text.Length / 10) ? null
            : Encoding.UTF8.GetString(bytes);
    }
}
