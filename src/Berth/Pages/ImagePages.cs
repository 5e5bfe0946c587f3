using Berth.Access;
using Berth.Api;
using Berth.Identity;
using Berth.Oci;

namespace Berth.Pages;

/// <summary>What the pages of an image have in common.</summary>
/// <param name="Name">The repository.</param>
/// <param name="Reference">The tag or digest in the page's address.</param>
/// <param name="Image">The image, or the index that it is in.</param>
/// <param name="Child">What the index says of the chosen image; null if there are no platforms.</param>
/// <param name="IsAsked">Whether the address says which platform.</param>
/// <param name="Chosen">The image of that platform, null if it is missing; the same if there are no platforms.</param>
internal sealed record ShownImage(
    string Name, string Reference, ImageView Image, PlatformView? Child, bool IsAsked, ImageView? Chosen)
{
    /// <summary>The platforms to choose from; attestations have none.</summary>
    public IReadOnlyList<PlatformView> Platforms { get; } = PlatformsOf(Image);

    /// <summary>Whether it is of files that containers run.</summary>
    public bool IsImage => Image.Kind != ArtifactKind.Cache && (Platforms.Count > 0 || Chosen?.Config is not null
        || (Image.Kind != ArtifactKind.Model && Image.Layers.Any(layer => MediaTypes.IsFileLayer(layer.MediaType))));

    public int Missing => Platforms.Count(one => one.IsMissing);

    /// <summary>What the reader may do in the repository.</summary>
    public required RepositoryRights Rights { get; init; }

    public bool IsTag => !Digest.TryParse(Reference, out _);

    public bool MayChangeTag => IsTag && (Rights.MayPush || Rights.MayDelete);

    /// <summary>What a pull by digest gets: the index, unless its platforms don't tell which image is meant.</summary>
    public string ExactDigest => IsAsked && Child is { } child && !IsOnly(child) ? child.Digest : Image.Digest;

    /// <summary>How addresses name an image of the index: by its platform, if no other is for the same.</summary>
    public string KeyOf(PlatformView one) => IsOnly(one) ? one.Platform : one.Digest;

    /// <summary>The chosen one; empty if there are no platforms.</summary>
    public string Key => Child is { } child ? KeyOf(child) : "";

    /// <summary>The same for people.</summary>
    public string LabelOf(PlatformView one)
    {
        if (IsOnly(one)) return one.Platform;
        var isTold = one.OsVersion is { } version
            && Platforms.Count(other => other.Platform == one.Platform && other.OsVersion == version) == 1;
        return one.Platform + " " + (isTold ? one.OsVersion : one.Digest[(one.Digest.IndexOf(':') + 1)..][..12]);
    }

    private bool IsOnly(PlatformView one) => Platforms.Count(other => other.Platform == one.Platform) == 1;

    public static IReadOnlyList<PlatformView> PlatformsOf(ImageView image) =>
        [.. image.Platforms.Where(one => one.Platform.Length > 0).DistinctBy(one => (one.Platform, one.Digest))];

    /// <summary>As clients write it; a digest in short.</summary>
    public string Title => Name + (IsTag ? ":" + Reference : "@" + Reference[..19]);
}

/// <summary>What an image is made of, and how it runs.</summary>
/// <param name="Image">The image.</param>
/// <param name="Tool">The tool whose commands are shown.</param>
/// <param name="Artifact">What it is, if it is no image.</param>
/// <param name="Space">What its deletion would free; null for who may not delete it.</param>
internal sealed record ImagePage(ShownImage Image, string Tool, ArtifactView? Artifact, ImageSpace? Space)
{
    /// <summary>What policies have against its pull.</summary>
    public IReadOnlyList<ObjectionView> Objections { get; init; } = [];
}

/// <summary>What the deletion of an image, or of a tag, would free.</summary>
/// <param name="Freed">The bytes; null if to count them takes a while.</param>
internal sealed record ImageSpace(FreedSpace? Freed);

/// <summary>Who else has a layer of an image.</summary>
/// <param name="Image">The image.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Holders">A page of them.</param>
internal sealed record ImageLayerPage(ShownImage Image, LayerView Layer, PageList<LayerHolderView> Holders);

/// <summary>What says something about an image.</summary>
internal sealed record ImageReferrersPage(ShownImage Image, ReferrersView Referrers, SignaturesView Signatures);

/// <summary>A manifest and a config as they are.</summary>
/// <param name="Image">Where they are from.</param>
/// <param name="Shown">Whose they are: the image's, or those of the chosen platform.</param>
/// <param name="Manifest">The manifest; null if the image of the chosen platform is missing.</param>
/// <param name="Config">The config; null if there is none that is read.</param>
internal sealed record ImageJsonPage(ShownImage Image, ImageView Shown, JsonText? Manifest, JsonText? Config);

/// <summary>Where a tag pointed.</summary>
/// <param name="Image">What it points to.</param>
/// <param name="Tag">The tag.</param>
/// <param name="Moves">A page of its moves.</param>
/// <param name="MayMove">Whether the reader may move it.</param>
/// <param name="Target">Where it is to point, to be confirmed; null if nothing is.</param>
internal sealed record ImageHistoryPage(
    ShownImage Image, TagView Tag, PageList<TagMoveView> Moves, bool MayMove, ImageView? Target);

/// <summary>Below <c>/r/NAME:TAG</c>: images and other artifacts.</summary>
internal sealed class ImagePages(
    ImageEndpoints images, ArtifactEndpoints artifacts, ReferrerEndpoints referrers, LayerHolderEndpoints holders,
    SignatureEndpoints signatures, ImagePolicyEndpoints policies, TagEndpoints tags,
    UsageEndpoints usage, ApiGate gate, ToolChoice tools)
{
    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var (image, error) = await FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var artifact = image.IsImage ? null
            : (await artifacts.GetAsync(http, image.Image.Digest, image.Name)).Value;
        var space = Reference.TryParse(image.Reference, out var named)
            && image.Rights.MayDelete
                ? new ImageSpace(await usage.FreeAtOnceAsync(http, image.Name, named)) : null;
        var judged = await policies.GetAsync(http, (image.Chosen ?? image.Image).Digest, image.Name);
        return new PageResult(new Pages_Image
        {
            Model = new ImagePage(image, tools.Take(http), artifact, space)
            {
                Objections = judged.Value?.Items ?? [],
            },
        });
    }

    /// <summary>Who else has the layer in the query.</summary>
    public async Task<IResult> ShowLayerAsync(HttpContext http)
    {
        var (image, error) = await FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var (shown, digest) = (image.Chosen ?? image.Image, http.Request.Query["layer"].ToString());
        var found = await holders.ListAsync(http, shown.Digest, digest, image.Name);
        if (found.Value is not { } listed) return ProblemPage.Of(http, found.Error!);
        return shown.Layers.FirstOrDefault(one => one.Digest == digest) is not { } layer
            ? ProblemPage.Of(http, ApiError.NotFound("such layer"))
            : new PageResult(new Pages_ImageLayer
            {
                Model = new ImageLayerPage(image, layer, PageList<LayerHolderView>.Of(http, listed)),
            });
    }

    public async Task<IResult> ShowReferrersAsync(HttpContext http)
    {
        var (image, error) = await FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var found = await referrers.GetAsync(http, image.Image.Digest, image.Name);
        if (found.Error is { } missing) return ProblemPage.Of(http, missing);
        var signed = await signatures.GetAsync(http, image.Image.Digest, image.Name);
        return signed.Error is { } gone ? ProblemPage.Of(http, gone)
            : new PageResult(new Pages_ImageReferrers
            {
                Model = new ImageReferrersPage(image, found.Value!, signed.Value!),
            });
    }

    public async Task<IResult> ShowJsonAsync(HttpContext http)
    {
        var (image, error) = await FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        if (image is { IsAsked: true, Chosen: null })
            return new PageResult(new Pages_ImageJson { Model = new ImageJsonPage(image, image.Image, null, null) });
        var shown = image.IsAsked ? image.Chosen! : image.Image;
        var digest = shown.Digest;
        var manifest = await ReadAsync(http, await images.ReadManifestAsync(http, digest, image.Name));
        if (manifest is null) return ProblemPage.Of(http, ApiError.NotFound("such image"));
        var config = shown.Config is null ? null
            : await ReadAsync(http, await images.ReadConfigAsync(http, digest, image.Name));
        return new PageResult(new Pages_ImageJson { Model = new ImageJsonPage(image, shown, manifest, config) });
    }

    public async Task<IResult> ShowHistoryAsync(HttpContext http)
    {
        var (name, reference) = NamesIn(http);
        var tag = await tags.GetAsync(http, reference, name);
        if (tag.Error is { } missing) return ProblemPage.Of(http, missing);
        var (image, error) = await FindAsync(http);
        if (image is null) return ProblemPage.Of(http, error!);
        var moves = await tags.HistoryAsync(http, reference, name);
        if (moves.Error is { } none) return ProblemPage.Of(http, none);
        var to = http.Request.Query["to"].ToString();
        var target = to.Length == 0 ? null : await images.GetAsync(http, to, name);
        return target?.Error is { } gone ? ProblemPage.Of(http, gone)
            : new PageResult(new Pages_ImageHistory
            {
                Model = new ImageHistoryPage(
                    image, tag.Value!, PageList<TagMoveView>.Of(http, moves.Value!), image.Rights.MayPush,
                    target?.Value),
            });
    }

    /// <summary>Points the tag to where it pointed before, if it still is where the reader saw it.</summary>
    public async Task<IResult> MoveAsync(HttpContext http)
    {
        var (name, reference) = NamesIn(http);
        var sent = await PageBody.ReadAsync(http);
        var (target, seen) = (sent?.Text("target") ?? "", sent?.Text("from") ?? "");
        var (_, fault) = await SeenTag.FindAsync(http, tags, name, reference, tag => tag.Digest == seen);
        if (fault is not null) return ProblemPage.Of(http, fault);
        var moved = await tags.PutAsync(http, reference, name, new TagTarget(target));
        moved.Note(http);
        return moved.Error is { } error ? ProblemPage.Of(http, error)
            : PageForms.BackTo(http, PagePath.OfImage(name, reference, "history"));
    }

    /// <summary>The image in the address, and that of the platform in the query.</summary>
    public async Task<(ShownImage? Image, ApiError? Error)> FindAsync(HttpContext http)
    {
        var (name, reference) = NamesIn(http);
        var answer = await images.GetAsync(http, reference, name);
        if (answer.Value is not { } image) return (null, answer.Error);
        var platform = http.Request.Query["platform"].ToString();
        var all = ShownImage.PlatformsOf(image);
        var asked = platform.Length == 0 ? null : all.FirstOrDefault(one => one.Digest == platform)
            ?? all.Where(one => one.Platform == platform).OrderBy(one => one.IsMissing).FirstOrDefault();
        var child = asked ?? all.OrderBy(one => one.IsMissing).FirstOrDefault();
        var chosen = child is null ? image
            : child.IsMissing ? null : (await images.GetAsync(http, child.Digest, name)).Value;
        var shown = new ShownImage(name, reference, image, child, asked is not null, chosen)
        {
            Rights = await RepositoryRights.OfAsync(gate, http, name),
        };
        return (shown, null);
    }

    private static async Task<JsonText?> ReadAsync(HttpContext http, ApiFile file)
    {
        var (bytes, error) = await file.ReadAsync(JsonText.MaxReadBytes, http.RequestAborted);
        return error is null ? JsonText.Of(bytes, file.Length) : null;
    }

    public static (string Name, string Reference) NamesIn(HttpContext http) =>
        ((string)http.GetRouteValue("name")!, (string)http.GetRouteValue("reference")!);
}
