using System.CommandLine;
using System.Text.Json;
using Berth.Access;

namespace Berth.Cli;

/// <summary><c>berth search packages</c>: which images have a package.</summary>
internal static class PackageSearchCommand
{
    private const int MaxShown = 256;

    public static Command Create()
    {
        var name = ApiCommand.Argument("NAME", "The package's name, or that of the source that it was built from.");
        var version = new Option<string?>("--version") { Description = "Only this version." };
        var below = new Option<string?>("--below") { Description = "Only versions below this one." };
        var type = new Option<string?>("--type") { Description = "Only packages of this kind: deb, npm, maven." };
        var space = new Option<string?>("--namespace") { Description = "Only in this namespace." };
        var repository = new Option<string?>("--repository") { Description = "Only in this repository." };
        return ApiCommand.Create(
            "packages", "Find images with a package, by its name and version.",
            async call =>
            {
                var path = $"search/packages?name={Uri.EscapeDataString(call.Parsed.GetValue(name)!)}"
                    + ImageCommand.Field("version", call.Parsed.GetValue(version))
                    + ImageCommand.Field("below", call.Parsed.GetValue(below))
                    + ImageCommand.Field("type", call.Parsed.GetValue(type))
                    + ImageCommand.Field("namespace", call.Parsed.GetValue(space))
                    + ImageCommand.Field("repository", call.Parsed.GetValue(repository));
                await PrintFoundAsync(call, path);
            },
            name, version, below, type, space, repository);
    }

    /// <summary>Prints which images have a package.</summary>
    /// <param name="call">The command.</param>
    /// <param name="path">What is asked.</param>
    public static async Task PrintFoundAsync(ApiCall call, string path)
    {
        var seen = await call.Api.AskAsync("GET", path, body: null, call.Cancellation);
        if (!seen.GetProperty("isComplete").GetBoolean())
            await Console.Error.WriteLineAsync("Some images were not looked into yet: there may be more.");
        await call.ListAsync(
            path, SearchCommand.NothingFound, ("IMAGE", ImageOf), ("TYPE", ApiCall.Field("type")),
            ("NAME", Text("name")), ("VERSION", Text("version")), ("SOURCE", Text("source")));
    }

    /// <summary>By one of its tags, if it has any.</summary>
    public static string ImageOf(JsonElement found)
    {
        var repository = found.GetProperty("repository").GetString();
        return found.GetProperty("tags") is var tags && tags.GetArrayLength() > 0
            ? $"{repository}:{tags[0].GetString()}" : $"{repository}@{found.GetProperty("digest").GetString()}";
    }

    private static Func<JsonElement, string> Text(string field) => json =>
        PlainText.Of(json.GetProperty(field).GetString()!, MaxShown);
}
