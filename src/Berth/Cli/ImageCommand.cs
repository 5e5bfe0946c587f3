using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Oci;

namespace Berth.Cli;

/// <summary><c>berth image</c>: what is inside images, without pulling them.</summary>
internal static class ImageCommand
{
    /// <summary>How long a command waits for layers that were never looked into.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest path that there is.</summary>
    private const int MaxShown = 8192;

    public static Command Create()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG or REPOSITORY@DIGEST.");
        var platform = new Option<string?>("--platform")
        {
            Description = "Which image of an index: linux/arm64. Default: linux/amd64, or the first.",
        };
        return ApiCommand.Group(
            "image", "What is inside images, without pulling them.", ImageShowCommand.Create(),
            ImageShowCommand.CreateManifest(), ImageShowCommand.CreateReferrers(), ImageShowCommand.CreateArtifact(),
            ImageShowCommand.CreateHolders(),
            CreateFiles(image, platform), CreateCat(image, platform),
            CreateWaste(image, platform), CreateDiff(image, platform), ImagePackageCommand.CreateList(image, platform));
    }

    private static Command CreateFiles(Argument<string> image, Option<string?> platform)
    {
        var path = new Argument<string?>("PATH")
        {
            Description = "The folder. Default: the root.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var search = new Option<string?>("--search") { Description = "Find files with this in their names instead." };
        var layer = new Option<string?>("--layer")
        {
            Description = "Only this layer, by its digest, with what it takes away from those below.",
        };
        return ApiCommand.Create(
            "files", "List a folder of an image, or find files by their names.",
            async call =>
            {
                var sought = call.Parsed.GetValue(search);
                var asked = PathOf(call, image, platform, sought is null ? "files" : "files/search")
                    + Field("layer", call.Parsed.GetValue(layer)) + Field("q", sought)
                    + Field("path", call.Parsed.GetValue(path));
                await WaitAsync(call, asked);
                await call.ListAsync(
                    asked, ("MODE", ApiCall.Field("mode")), ("OWNER", Owner), ("SIZE", Bytes("sizeBytes")),
                    ("CHANGED", ApiCall.Time("modifiedAt")), ("KIND", ApiCall.Field("kind")),
                    (sought is null ? "NAME" : "PATH", row => Name(row, sought is null ? "name" : "path")));
            },
            image, path, search, layer, platform);
    }

    private static Command CreateCat(Argument<string> image, Option<string?> platform)
    {
        var path = ApiCommand.Argument("PATH", "The file.");
        return ApiCommand.Create(
            "cat", "Write a file of an image to the standard output.",
            async call =>
            {
                await WaitAsync(call, PathOf(call, image, platform, "files"));
                await using var output = Console.OpenStandardOutput();
                await call.Api.CopyAsync(
                    PathOf(call, image, platform, "files/content") + Field("path", call.Parsed.GetValue(path)), output,
                    call.Cancellation);
            },
            image, path, platform);
    }

    private static Command CreateWaste(Argument<string> image, Option<string?> platform) => ApiCommand.Create(
        "waste", "Show what later layers of an image replaced or removed, so that it is of no use.",
        async call =>
        {
            var seen = await WaitAsync(call, PathOf(call, image, platform, "waste"));
            if (call.IsJson)
            {
                Console.WriteLine(seen.GetRawText());
                return;
            }

            Table.Print(
                ["SIZE", "PATH", "LAYER", "GONE IN", "HOW"],
                [.. seen.GetProperty("items").EnumerateArray().Select(one => new[]
                {
                    Bytes("sizeBytes")(one), Name(one, "path"), Short(one, "layer"), Short(one, "goneIn"),
                    one.GetProperty("isReplaced").GetBoolean() ? "replaced" : "removed",
                })]);
            var efficiency = seen.GetProperty("efficiency").GetDouble();
            Console.WriteLine(
                $"Wasted: {Bytes("wastedBytes")(seen)} of {Bytes("layerBytes")(seen)}, in "
                + $"{seen.GetProperty("wastedFiles")} files. Efficiency: "
                + efficiency.ToString("P1", CultureInfo.InvariantCulture));
        },
        image, platform);

    private static Command CreateDiff(Argument<string> image, Option<string?> platform)
    {
        var other = ApiCommand.Argument("OTHER", "The other image; a tag or digest alone is in the same repository.");
        return ApiCommand.Create(
            "diff", "Show how the files and the config of two images differ.",
            async call =>
            {
                var (to, repository) = ImageArgument.ParseOther(call.Parsed.GetValue(other)!);
                var asked = PathOf(call, image, platform, "differences")
                    + Field("with", to) + Field("withRepository", repository);
                var seen = await WaitAsync(call, asked);
                if (call.IsJson)
                {
                    Console.WriteLine(seen.GetRawText());
                    return;
                }

                PrintConfig(seen);
                await PrintPackagesAsync(seen);
                var rows = await call.Api.ListAsync(asked, call.Cancellation);
                Table.Print(
                    ["CHANGE", "BEFORE", "AFTER", "PATH", "WHAT"],
                    [.. rows.Select(one => new[]
                    {
                        ApiCall.Field("change")(one), Bytes("fromBytes")(one), Bytes("toBytes")(one), Name(one, "path"),
                        ApiCall.Field("what")(one),
                    })]);
                Console.WriteLine(
                    $"Added: {seen.GetProperty("added")}, removed: {seen.GetProperty("removed")}, changed: "
                    + $"{seen.GetProperty("changed")}. Layers that both have: "
                    + $"{seen.GetProperty("sharedLayers").GetArrayLength()}");
            },
            image, other, platform);
    }

    private static void PrintConfig(JsonElement seen)
    {
        if (!seen.TryGetProperty("config", out var config))
        {
            Console.WriteLine("The configs can't be compared.");
            return;
        }

        foreach (var one in config.EnumerateArray())
        {
            var (from, to) = (Texts(one, "from"), Texts(one, "to"));
            Console.WriteLine($"{one.GetProperty("field")}: {(from.Length == 0 ? "nothing" : from)} -> "
                + (to.Length == 0 ? "nothing" : to));
        }

        static string Texts(JsonElement json, string field) => PlainText.Of(
            string.Join(' ', json.GetProperty(field).EnumerateArray().Select(text => text.GetString())), MaxShown);
    }

    private static async Task PrintPackagesAsync(JsonElement seen)
    {
        if (seen.TryGetProperty("packageFaults", out var faults))
        {
            foreach (var fault in faults.EnumerateArray())
            {
                await Console.Error.WriteLineAsync(
                    $"Not all packages may be known: {PlainText.Of(fault.GetString()!, MaxShown)}");
            }
        }

        foreach (var one in seen.GetProperty("packages").EnumerateArray())
        {
            Console.WriteLine(
                $"{Name(one, "type")} {Name(one, "name")}: {VersionsOf(one, "from")} -> {VersionsOf(one, "to")}");
        }

        if (seen.TryGetProperty("morePackages", out var more)) Console.WriteLine($"And {more} more packages.");

        static string VersionsOf(JsonElement json, string field) => json.GetProperty(field) is var versions
            && versions.GetArrayLength() == 0 ? "none"
            : PlainText.Of(
                string.Join(", ", versions.EnumerateArray().Select(text => text.GetString())), MaxShown);
    }

    /// <summary>Asks until no layer waits, and says which can't be read.</summary>
    public static async Task<JsonElement> WaitAsync(ApiCall call, string path)
    {
        var began = TimeProvider.System.GetTimestamp();
        for (var isFirst = true; ; isFirst = false)
        {
            var seen = await call.Api.AskAsync("GET", path, body: null, call.Cancellation);
            var layers = LayersOf(seen);
            var waiting = layers.Count(layer => layer.GetProperty("state").GetString() == "waiting");
            if (waiting > 0 && TimeProvider.System.GetElapsedTime(began) < LongestWait)
            {
                var count = waiting == 1 ? "a layer" : $"{waiting} layers";
                if (isFirst) await Console.Error.WriteLineAsync($"Waiting for a server to read {count}…");
                await Task.Delay(BetweenLooks, TimeProvider.System, call.Cancellation);
                continue;
            }

            foreach (var layer in layers.Where(layer => layer.GetProperty("state").GetString() is not "indexed"))
            {
                await Console.Error.WriteLineAsync(
                    $"Layer {layer.GetProperty("digest").GetString()} is left out: "
                    + (layer.TryGetProperty("fault", out var fault) ? PlainText.Of(fault.GetString()!)
                        : WordsOf(layer.GetProperty("state").GetString()!)));
            }

            return seen;
        }
    }

    private static List<JsonElement> LayersOf(JsonElement seen) => seen.TryGetProperty("layers", out var layers)
        ? [.. layers.EnumerateArray()]
        : [.. LayersOf(seen.GetProperty("from")), .. LayersOf(seen.GetProperty("to"))];

    private static string WordsOf(string state) => state switch
    {
        "waiting" => "no server has read it yet",
        "absent" => "the repository does not have it",
        "off" => "layers are not read (contents.index)",
        _ => "it has no files",
    };

    public static string PathOf(ApiCall call, Argument<string> image, Option<string?> platform, string what) =>
        ImageArgument.ParseImage(call.Parsed.GetValue(image)!).PathOf("/" + what)
        + Field("platform", call.Parsed.GetValue(platform));

    public static string Field(string name, string? value) =>
        value is null ? "" : $"&{name}={Uri.EscapeDataString(value)}";

    private static Func<JsonElement, string> Bytes(string field) => json =>
        json.TryGetProperty(field, out var value) ? ByteText.Of(value.GetInt64()) : "";

    /// <summary>Whoever made the image chose the names: they must not change the terminal.</summary>
    private static string Name(JsonElement json, string field) =>
        PlainText.Of(json.GetProperty(field).GetString()!, MaxShown)
        + (json.TryGetProperty("link", out var link) ? $" -> {PlainText.Of(link.GetString()!, MaxShown)}" : "");

    private static string Owner(JsonElement json) => $"{json.GetProperty("uid")}:{json.GetProperty("gid")}";

    private static string Short(JsonElement json, string field) => json.GetProperty(field).GetString()![..19];
}
