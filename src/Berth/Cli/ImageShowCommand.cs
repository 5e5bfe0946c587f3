using System.CommandLine;
using System.Text.Json;
using Berth.Access;

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
        return ApiCommand.Create(
            "manifest", "Write the manifest of an image to the standard output, as it was pushed.",
            async call =>
            {
                var named = ImageArgument.ParseImage(call.Parsed.GetValue(image)!);
                await using var output = Console.OpenStandardOutput();
                await call.Api.CopyAsync(
                    named.PathOf(call.Parsed.GetValue(config) ? "/config" : "/manifest"), output, call.Cancellation);
            },
            image, config);
    }

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
        var children = ListOf(image, "platforms", ApiCall.Field("platform"));
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
