using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth pins</c>: images that clusters run, which no rule removes.</summary>
internal static class PinsCommand
{
    private static readonly string[] Kinds =
        ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];

    private static readonly Argument<string> List =
        ApiCommand.Argument("LIST", "The cluster's name, or whatever tells lists apart.");

    public static Command Create() => ApiCommand.Group(
        "pins", "Images that clusters run, which no rule removes.",
        ApiCommand.Create(
            "list", "List the lists of images in use.",
            call => call.ListAsync(
                "pins", ("LIST", ApiCall.Field("name")), ("IMAGES", ApiCall.Field("count")),
                ("POSTED", ApiCall.Time("postedAt")), ("BY", ApiCall.Field("postedBy")),
                ("UNTIL", ApiCall.Time("expiresAt", "for ever")))),
        ApiCommand.Create("show", "Show a list of images in use.", ShowAsync, List),
        CreateFromKubernetes(),
        CreateRemove());

    private static async Task ShowAsync(ApiCall call)
    {
        var path = $"pins/{call.PathOf(List)}?n=1000";
        var list = await call.Api.AskAsync("GET", path, null, call.Cancellation);
        var images = ImagesOf(list);
        for (var read = images.Count; read == 1000;)
        {
            var next = ImagesOf(await call.Api.AskAsync(
                "GET", $"{path}&last={Uri.EscapeDataString(images[^1])}", null, call.Cancellation));
            images.AddRange(next);
            read = next.Count;
        }

        if (call.IsJson)
        {
            var whole = JsonNode.Parse(list.GetRawText())!;
            whole["images"] = new JsonArray([.. images.Select(image => (JsonNode?)image)]);
            Console.WriteLine(whole.ToJsonString());
            return;
        }

        Console.WriteLine(
            $"{ApiCall.Field("name")(list)} was posted {ApiCall.Time("postedAt")(list)} by "
            + $"{ApiCall.Field("postedBy")(list)}, until {ApiCall.Time("expiresAt", "for ever")(list)}.");
        foreach (var image in images) Console.WriteLine(image);
    }

    private static List<string> ImagesOf(JsonElement list) =>
        [.. list.GetProperty("images").EnumerateArray().Select(image => image.GetString()!)];

    private static Command CreateRemove()
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "remove", "Remove a list of images in use.",
            async call =>
            {
                var path = $"pins/{call.PathOf(List)}";
                var list = await call.Api.AskAsync("GET", path, null, call.Cancellation);
                var what = $"the list {call.Parsed.GetValue(List)} with "
                    + $"{VerifyCommand.Count(list.GetProperty("count").GetInt64(), "image")}. Rules may remove what is "
                    + "in no other list then, although something may run it.";
                if (await consent.AskAsync(call.Parsed, "remove", what, call.Cancellation))
                    await call.DoAsync("DELETE", path, null, _ => $"The list {call.Parsed.GetValue(List)} is gone.");
            },
            List, consent.DryRun, consent.Yes);
    }

    private static Command CreateFromKubernetes()
    {
        var host = ApiCommand.Text(
            "--host", "This registry's host, as images name it: others' images are left out. Without it, none are.");
        var expires = ApiCommand.Text("--expires", "When the list does not count any more: 30d. Without it, never.");
        var allowEmpty = ApiCommand.Switch(
            "--allow-empty", "Also take a list without any image: nothing is pinned then.");
        return ApiCommand.Create(
            "from-kubernetes",
            "Post the images of what `kubectl get pods -A -o json` prints, read from standard input.",
            async call =>
            {
                var images = Read(
                    await Console.In.ReadToEndAsync(call.Cancellation), call.Parsed.GetValue(host));
                if (images.Count == 0 && !call.Parsed.GetValue(allowEmpty))
                {
                    throw new InvalidDataException(
                        $"no pod runs an image of this registry, so {call.Parsed.GetValue(List)} would pin nothing: "
                        + "check kubectl's context and --host, or give --allow-empty");
                }

                var sent = new JsonObject
                {
                    ["images"] = new JsonArray([.. images.Select(image => (JsonNode?)image)]),
                    ["expiresAt"] = ApiCall.ExpiryOf(call.Parsed.GetValue(expires)),
                };
                await call.DoAsync("PUT", $"pins/{call.PathOf(List)}", sent, Say);
            },
            List, host, expires, allowEmpty);
    }

    private static string Say(JsonElement done)
    {
        var ignored = done.GetProperty("ignored").GetArrayLength();
        return $"Pinned {VerifyCommand.Count(done.GetProperty("count").GetInt32(), "image")} for "
            + $"{done.GetProperty("name").GetString()}"
            + (ignored == 0 ? "." : $"; {ignored} of other registries or repositories were left out.");
    }

    /// <summary>The digests that containers run, each once.</summary>
    /// <exception cref="InvalidDataException">It is no list of pods.</exception>
    private static SortedSet<string> Read(string json, string? host)
    {
        var images = new SortedSet<string>(StringComparer.Ordinal);
        try
        {
            using var document = JsonDocument.Parse(json);
            foreach (var pod in document.RootElement.GetProperty("items").EnumerateArray())
            {
                if (!pod.TryGetProperty("status", out var status)) continue;
                foreach (var kind in Kinds)
                {
                    if (!status.TryGetProperty(kind, out var containers)) continue;
                    foreach (var container in containers.EnumerateArray())
                    {
                        if (container.TryGetProperty("imageID", out var id) && IsOf(host, id.GetString() ?? ""))
                            images.Add(id.GetString()!);
                    }
                }
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException(
                "standard input is no list of pods: pipe `kubectl get pods -A -o json` into the command", e);
        }

        return images;
    }

    private static bool IsOf(string? host, string image)
    {
        if (!image.Contains('@')) return false;
        var start = image.IndexOf("//", StringComparison.Ordinal);
        return host is null
            || image.AsSpan(start < 0 ? 0 : start + 2).StartsWith(host + "/", StringComparison.OrdinalIgnoreCase);
    }
}
