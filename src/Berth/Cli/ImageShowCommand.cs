using System.CommandLine;
using System.Text.Json;
using Berth.Access;
using Berth.Contents;
using Berth.Oci;

namespace Berth.Cli;

/// <summary><c>berth image show</c>: what an image is made of, and how it runs.</summary>
internal static class ImageShowCommand
{
    public static Command Create()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG, or REPOSITORY@DIGEST.");
        return ApiCommand.Create(
            "show", "Show an image: its platforms, or its layers and how it runs.",
            call => call.ShowAsync(
                ImageArgument.ParseImage(call.Parsed.GetValue(image)!).PathOf(),
                ("digest", ApiCall.Field("digest")), ("type", TypeOf),
                ("tags", image => ListOf(image, "tags", tag => tag.GetString()!)),
                ("size", SizeOf), ("pushed", ApiCall.Time("pushedAt")), ("by", ApiCall.Field("pushedBy")),
                ("platforms", PlatformsOf),
                ("layers", image => ListOf(image, "layers", layer =>
                    $"{VerifyCommand.Bytes(layer.GetProperty("sizeBytes").GetInt64())} "
                    + ApiCall.Field("instruction")(layer))),
                ("user", Config("user")), ("entry point", Words("entryPoint")), ("command", Words("command")),
                ("ports", Words("ports")), ("health check", Config("healthCheck")), ("base", BaseOf)),
            image);
    }

    public static Command CreateManifest()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG, or REPOSITORY@DIGEST.");
        var config = ApiCommand.Switch("--config", "Its config instead.");
        var platform = ApiCommand.Text(
            "--platform", "Of which platform, such as linux/arm64; without it, an index is written as it is, and the "
            + "config is that of linux/amd64, or else of the first.");
        return ApiCommand.Create(
            "manifest", "Write the manifest of an image to the standard output, as it was pushed.",
            async call =>
            {
                var named = ImageArgument.ParseImage(call.Parsed.GetValue(image)!);
                var (isConfig, wanted) = (call.Parsed.GetValue(config), call.Parsed.GetValue(platform));
                if (isConfig || wanted is not null) named = await OfPlatformAsync(call, named, wanted);
                await using var output = Console.OpenStandardOutput();
                await call.Api.CopyAsync(
                    named.PathOf(isConfig ? "/config" : "/manifest"), output, call.Cancellation);
            },
            image, config, platform);
    }

    /// <summary>Of an index the image for a platform; what is no index, as it is.</summary>
    private static async Task<ImageArgument> OfPlatformAsync(ApiCall call, ImageArgument named, string? wanted)
    {
        var asked = wanted is null ? null : AskedPlatform.Parse(wanted) ?? throw new InvalidDataException(
            $"--platform: '{wanted}' is not like linux/amd64 or linux/arm/v7, nor the digest of an image of the index");
        var image = await call.Api.AskAsync("GET", named.PathOf(), body: null, call.Cancellation);
        List<ListedImage> found =
        [
            .. image.GetProperty("platforms").EnumerateArray().Select(ListedImage.Of)
                .Where(one => !one.IsForNone && !one.IsMissing),
        ];
        if (found.Count == 0) return named;
        return AskedPlatform.Choose(found, asked) is { } chosen
            ? ImageArgument.ParseImage($"{named.Repository}@{chosen.Digest}")
            : throw new InvalidDataException(
                $"it is not there for {wanted}, but for "
                + string.Join(", ", found.Select(one => one.Platform).Where(name => name.Length > 0)));
    }

    /// <summary>An image of an index, as the API lists it.</summary>
    private sealed record ListedImage(
        Digest Digest, string Platform, string? OsVersion, bool IsMissing, bool IsForNone) : IImageOfIndex
    {
        public static ListedImage Of(JsonElement json) => new(
            Digest.Parse(ApiCall.Field("digest")(json)), ApiCall.Field("platform")(json),
            json.TryGetProperty("osVersion", out var version) ? version.GetString() : null,
            json.GetProperty("isMissing").GetBoolean(), json.TryGetProperty("attestationOf", out _));
    }

    public static Command CreateReferrers()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG, or REPOSITORY@DIGEST.");
        return ApiCommand.Create(
            "referrers", "Show signatures, bills of materials and the like that say something about an image.",
            async call =>
            {
                var named = ImageArgument.ParseImage(call.Parsed.GetValue(image)!);
                var found = await call.Api.AskAsync(
                    "GET", named.PathOf("/referrers"), body: null, call.Cancellation);
                if (call.IsJson)
                {
                    Console.WriteLine(found.GetRawText());
                    return;
                }

                Table.Print(["KIND", "PLATFORM", "SIZE", "PUSHED", "DIGEST", "SAYS"], [.. RowsOf(found, "items", "")]);
            },
            image);
    }

    public static Command CreateHolders()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG, or REPOSITORY@DIGEST.");
        var layer = ApiCommand.Argument("LAYER", "The digest of one of its layers, as in its manifest.");
        return ApiCommand.Create(
            "holders", "List which other images have a layer, as far as you may see them.",
            call => call.ListAsync(
                ImageArgument.ParseImage(call.Parsed.GetValue(image)!).PathOf(
                    $"/layers/{Uri.EscapeDataString(call.Parsed.GetValue(layer)!)}/holders"),
                ("REPOSITORY", ApiCall.Field("repository")),
                ("IMAGES", row => ListOf(row, "images", one =>
                    one.TryGetProperty("tag", out var tag) ? tag.GetString()! : one.GetProperty("digest").GetString()!)
                    + (row.GetProperty("hasMore").GetBoolean() ? ", …" : ""))),
            image, layer);
    }

    private static readonly string[] ProvenanceFields =
        ["source", "revision", "ref", "file", "builder", "run", "startedAt", "finishedAt"];

    public static Command CreateArtifact()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG, or REPOSITORY@DIGEST.");
        return ApiCommand.Create(
            "artifact", "Show what a chart, a model, a bill of materials or the like says of itself.",
            async call =>
            {
                var named = ImageArgument.ParseImage(call.Parsed.GetValue(image)!);
                var found = await call.Api.AskAsync("GET", named.PathOf("/artifact"), body: null, call.Cancellation);
                if (call.IsJson)
                {
                    Console.WriteLine(found.GetRawText());
                    return;
                }

                Console.WriteLine($"kind: {found.GetProperty("kind").GetString()}");
                foreach (var fact in found.GetProperty("facts").EnumerateArray())
                    Console.WriteLine($"{Plain(fact, "name")}: {Plain(fact, "value")}");
                if (found.TryGetProperty("sbom", out var sbom))
                    Console.WriteLine($"format: {Plain(sbom, "format")}\npackages: {sbom.GetProperty("packages")}");
                if (found.TryGetProperty("provenance", out var built))
                {
                    foreach (var name in ProvenanceFields)
                        if (Plain(built, name) is { Length: > 0 } value) Console.WriteLine($"{name}: {value}");
                    foreach (var one in built.GetProperty("materials").EnumerateArray())
                        Console.WriteLine($"material: {Plain(one, "uri")} {Plain(one, "digest")}".TrimEnd());
                }

                foreach (var text in found.GetProperty("texts").EnumerateArray())
                    Console.WriteLine($"file: {Plain(text, "name")}");
            },
            image);
    }

    /// <summary>Each with those about it below, moved to the right.</summary>
    private static IEnumerable<string[]> RowsOf(JsonElement parent, string list, string indent)
    {
        foreach (var one in parent.GetProperty(list).EnumerateArray())
        {
            var says = one.GetProperty("statements").EnumerateArray().Select(
                said => said.TryGetProperty("verifiedBy", out _) && !said.TryGetProperty("provenance", out _)
                    ? $"verified: {Plain(said, "verifiedBy")}"
                    : said.TryGetProperty("signer", out _) ? Plain(said, "signer")
                    : said.TryGetProperty("sbomFormat", out _)
                        ? $"{Plain(said, "sbomFormat")} ({said.GetProperty("packages")} packages)"
                    : said.TryGetProperty("provenance", out var built) && BuiltFrom(built) is { Length: > 0 } source
                        ? source + (Plain(said, "verifiedBy") is { Length: > 0 } who ? $" (verified: {who})" : "")
                        : Plain(said, said.TryGetProperty("predicateType", out _) ? "predicateType" : "mediaType"));
            yield return
            [
                indent + one.GetProperty("kind").GetString(), Plain(one, "platform"),
                VerifyCommand.Bytes(one.GetProperty("sizeBytes").GetInt64()), ApiCall.Time("pushedAt")(one),
                one.GetProperty("digest").GetString()![..19], string.Join(", ", says),
            ];
            foreach (var row in RowsOf(one, "referrers", indent + "  ")) yield return row;
        }
    }

    /// <summary>Its source, or else what built it.</summary>
    private static string BuiltFrom(JsonElement provenance) =>
        $"{Plain(provenance, "source")} {Plain(provenance, "revision")}".Trim() is { Length: > 0 } source
            ? source : Plain(provenance, "builder");

    /// <summary>Whoever pushed it chose the text: it must not change the terminal.</summary>
    private static string Plain(JsonElement json, string field) =>
        json.TryGetProperty(field, out var text) ? PlainText.Of(text.GetString()!) : "";

    private static string BaseOf(JsonElement image)
    {
        if (!image.TryGetProperty("base", out var below)) return "";
        var name = ApiCall.Field("name")(below) is { Length: > 0 } said ? said : ApiCall.Field("digest")(below);
        return PlainText.Of(name);
    }

    private static string TypeOf(JsonElement image) =>
        ApiCall.Field("artifactType")(image) is { Length: > 0 } type ? type : ApiCall.Field("mediaType")(image);

    private static string SizeOf(JsonElement image) =>
        image.TryGetProperty("contentBytes", out var bytes) ? VerifyCommand.Bytes(bytes.GetInt64()) : "";

    /// <summary>Of an index those of its children, and of an image its own.</summary>
    private static string PlatformsOf(JsonElement image)
    {
        var children = ListOf(image, "platforms", one => ApiCall.Field("platform")(one) is not { Length: > 0 } name ? ""
            : name + (ApiCall.Field("osVersion")(one) is { Length: > 0 } version ? " " + version : "")
                + (one.GetProperty("isMissing").GetBoolean() ? " (missing)" : ""));
        return children.Length > 0 ? children : Config("platform")(image);
    }

    private static Func<JsonElement, string> Config(string field) => image =>
        image.TryGetProperty("config", out var config) ? ApiCall.Field(field)(config) : "";

    private static Func<JsonElement, string> Words(string field) => image =>
        image.TryGetProperty("config", out var config)
            ? string.Join(' ', config.GetProperty(field).EnumerateArray().Select(word => word.GetString())) : "";

    private static string ListOf(JsonElement image, string field, Func<JsonElement, string> show) =>
        string.Join(", ", image.GetProperty(field).EnumerateArray().Select(show).Where(text => text.Length > 0));
}
