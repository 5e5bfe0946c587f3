using System.CommandLine;
using System.Text.Json;
using Berth.Access;
using Berth.Sbom;

namespace Berth.Cli;

/// <summary><c>berth image packages</c> and <c>berth sbom</c>: what is installed in images.</summary>
internal static class ImagePackageCommand
{
    /// <summary>The longest path that there is.</summary>
    private const int MaxShown = 8192;

    public static Command CreateList(Argument<string> image, Option<string?> platform)
    {
        var type = new Option<string?>("--type") { Description = "Only packages of this kind: deb, npm, maven." };
        var search = new Option<string?>("--search") { Description = "Only packages with this in their names." };
        return ApiCommand.Create(
            "packages", "List the packages that are installed in an image.",
            async call =>
            {
                var asked = ImageCommand.PathOf(call, image, platform, "packages")
                    + ImageCommand.Field("type", call.Parsed.GetValue(type))
                    + ImageCommand.Field("q", call.Parsed.GetValue(search));
                await TellFaultsAsync(await ImageCommand.WaitAsync(call, asked));
                await call.ListAsync(
                    asked, ("TYPE", ApiCall.Field("type")), ("NAME", Text("name")), ("VERSION", Text("version")),
                    ("LICENSE", Text("license")), ("PATH", Text("path")));
            },
            image, type, search, platform);
    }

    public static Command CreateSbom()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG or REPOSITORY@DIGEST.");
        var platform = new Option<string?>("--platform")
        {
            Description = "Which image of an index: linux/arm64. Default: linux/amd64, or the first.",
        };
        var format = new Option<string>("--format")
        {
            Description = $"{string.Join(" or ", SbomFormat.All.Select(one => one.Name))}.",
            DefaultValueFactory = _ => SbomFormat.All[0].Name,
        };
        format.AcceptOnlyFromAmong([.. SbomFormat.All.Select(one => one.Name)]);
        var source = new Option<string?>("--source")
        {
            Description = "attached: the one that came with the image; berth: the registry's own. "
                + "Default: the former, if there is one.",
        };
        source.AcceptOnlyFromAmong("attached", "berth");
        var output = new Option<string?>("--output", "-o")
        {
            Description = "Write it to this file. Default: the standard output.",
        };
        return ApiCommand.Create(
            "sbom",
            "Write the bill of materials that came with an image, or else the registry's own, as soon as its layers "
                + "are known.",
            async call =>
            {
                var asked = ImageCommand.PathOf(call, image, platform, "sbom")
                    + ImageCommand.Field("format", call.Parsed.GetValue(format)) + "&source=";
                var path = call.Parsed.GetValue(output);
                var wanted = call.Parsed.GetValue(source);
                if (wanted != "berth" && await TryCopyAsync(call, asked + "attached", path, wanted is null))
                {
                    await Console.Error.WriteLineAsync(
                        "It came with the image. The registry's own: --source berth");
                    return;
                }

                await TellFaultsAsync(
                    await ImageCommand.WaitAsync(call, ImageCommand.PathOf(call, image, platform, "packages")));
                await TryCopyAsync(call, asked + "berth", path, mayLack: false);
            },
            image, format, source, output, platform);
    }

    /// <summary>Copies an answer to a file, or the standard output. False if there is none, and that may be.</summary>
    private static async Task<bool> TryCopyAsync(ApiCall call, string asked, string? path, bool mayLack)
    {
        try
        {
            if (path is not null)
            {
                await WriteAsync(path, file => call.Api.CopyAsync(asked, file, call.Cancellation));
                return true;
            }

            await using var standard = Console.OpenStandardOutput();
            await call.Api.CopyAsync(asked, standard, call.Cancellation);
            return true;
        }
        catch (ApiRefusalException e) when (mayLack && e.IsMissing)
        {
            return false;
        }
    }

    /// <summary>Replaces a file once the new one is there whole.</summary>
    private static async Task WriteAsync(string path, Func<Stream, Task> copy)
    {
        var part = $"{path}.part";
        try
        {
            await using (var file = File.Create(part)) await copy(file);
            File.Move(part, path, overwrite: true);
        }
        finally
        {
            File.Delete(part);
        }
    }

    private static async Task TellFaultsAsync(JsonElement seen)
    {
        foreach (var fault in seen.GetProperty("faults").EnumerateArray())
        {
            await Console.Error.WriteLineAsync(
                $"Packages may be missing: {PlainText.Of(fault.GetString()!, MaxShown)}");
        }
    }

    private static Func<JsonElement, string> Text(string field) => json =>
        json.TryGetProperty(field, out var value) ? PlainText.Of(value.GetString()!, MaxShown) : "";
}
