using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Distribution;

namespace Berth.Cli;

/// <summary><c>berth tag</c>: tags, where they point, and where they pointed.</summary>
internal static class TagCommand
{
    public static Command Create()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG.");
        var target = ApiCommand.Argument("TARGET", "A digest, or another tag of the repository.");
        return ApiCommand.Group(
            "tag", "Tags: where they point, where they pointed, and how to move and delete them.",
            CreateList(),
            ApiCommand.Create(
                "history", "Show where a tag pointed, the latest first.",
                call => call.ListAsync(
                    $"tags/{TagOf(call, image).Reference}/history?repository="
                    + Uri.EscapeDataString(TagOf(call, image).Repository.Text),
                    ("WHEN", ApiCall.Time("movedAt")), ("DIGEST", ShortDigest), ("HOW", ApiCall.Field("action")),
                    ("BY", ApiCall.Field("movedBy")), ("FROM", ApiCall.Field("address"))),
                image),
            ApiCommand.Create(
                "move", "Point a tag to an image that is there: a new tag, or one that is moved, or moved back.",
                call => call.DoAsync(
                    "PUT", TagOf(call, image).TagPath, new JsonObject { ["target"] = call.Parsed.GetValue(target) },
                    moved => $"{call.Parsed.GetValue(image)} points to {moved.GetProperty("digest").GetString()} now."),
                image, target),
            CreateExpire(image),
            ApiCommand.Create(
                "pin", "Let no rule and no expiry remove a tag.", call => PinAsync(call, image, isPinned: true), image),
            CreateUnpin(image),
            CreateDelete(image));
    }

    private static Command CreateList()
    {
        var repository = ApiCommand.Argument("REPOSITORY", "The repository's name.");
        var sort = new Option<string?>("--sort")
        {
            Description = "name, pushed, pulled or size; with - before it, the largest first.",
            HelpName = "ORDER",
        };
        var matching = new Option<string?>("--matching")
        {
            Description = "Only tags with this in their names.",
            HelpName = "PART",
        };
        var digest = new Option<string?>("--points-to")
        {
            Description = "Only tags that point to this digest.",
            HelpName = "DIGEST",
        };
        return ApiCommand.Create(
            "list", "List the tags of a repository.",
            call => call.ListAsync(
                $"tags?repository={Uri.EscapeDataString(call.Parsed.GetValue(repository)!)}"
                + Filter("sort", call.Parsed.GetValue(sort)) + Filter("matching", call.Parsed.GetValue(matching))
                + Filter("pointsTo", call.Parsed.GetValue(digest)),
                ("TAG", ApiCall.Field("name")), ("DIGEST", ShortDigest), ("SIZE", Size),
                ("MOVED", ApiCall.Time("movedAt")),
                ("BY", ApiCall.Field("movedBy")), ("PULLED", ApiCall.Time("pulledAt", "never")),
                ("GOES", End)),
            repository, sort, matching, digest);

        static string Filter(string name, string? value) =>
            value is null ? "" : $"&{name}={Uri.EscapeDataString(value)}";
    }

    private static Command CreateExpire(Argument<string> image)
    {
        var when = ApiCommand.Argument("WHEN", "A duration from now (14d), a date (2099-12-31), or never.");
        return ApiCommand.Create(
            "expire", "Say when a tag goes into the trash.",
            call => call.DoAsync(
                "PATCH", TagOf(call, image).TagPath,
                new JsonObject { ["expiresAt"] = ApiCall.NewExpiryOf(call.Parsed.GetValue(when)!) },
                tag => $"{call.Parsed.GetValue(image)} goes {ApiCall.Time("expiresAt", "never")(tag)}."),
            image, when);
    }

    private static Command CreateUnpin(Argument<string> image)
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "unpin", "Let rules and its expiry remove a tag again.",
            async call =>
            {
                var tag = await call.Api.AskAsync("GET", TagOf(call, image).TagPath, null, call.Cancellation);
                var expiry = ApiCall.Time("expiresAt")(tag) is { Length: > 0 } end ? $" It expires {end}." : "";
                var what = $"rules and expiry remove {call.Parsed.GetValue(image)} again.{expiry}";
                if (await consent.AskAsync(call.Parsed, "let", what, call.Cancellation))
                    await PinAsync(call, image, isPinned: false);
            },
            image, consent.DryRun, consent.Yes);
    }

    private static Task PinAsync(ApiCall call, Argument<string> image, bool isPinned) => call.DoAsync(
        "PATCH", TagOf(call, image).TagPath, new JsonObject { ["isPinned"] = isPinned },
        _ => $"{call.Parsed.GetValue(image)} is {(isPinned ? "pinned" : "not pinned any more")}.");

    private static Command CreateDelete(Argument<string> image)
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "delete", "Put a tag into the trash. What it points to stays for a while.",
            async call =>
            {
                var tag = TagOf(call, image);
                var row = await call.Api.AskAsync("GET", tag.TagPath, null, call.Cancellation);
                RefuseImmutable(row);
                var digest = row.GetProperty("digest").GetString();
                var what = $"the tag {call.Parsed.GetValue(image)}, which points to {digest}";
                if (!await consent.AskAsync(call.Parsed, "delete", $"{what}.", call.Cancellation)) return;
                await call.DoAsync(
                    "DELETE", tag.TagPath, null,
                    _ => $"Deleted {what}. `berth trash list --repository {tag.Repository}` tells how to get it back. "
                        + "If no other tag or index holds the image, it stays for storage.maintenance.gc.untagged: "
                        + $"to have its space sooner, delete {tag.Repository}@{digest} with a registry client.");
            },
            image, consent.DryRun, consent.Yes);
    }

    /// <summary>Refuses to delete a tag as the server would, before anybody is asked: a dry run tells what a run does.
    /// </summary>
    /// <exception cref="ApiRefusalException">A rule makes it immutable.</exception>
    public static void RefuseImmutable(JsonElement tag)
    {
        if (tag.TryGetProperty("immutableBy", out var rule))
        {
            throw new ApiRefusalException(
                RegistryError.TagImmutable($"{tag.GetProperty("name").GetString()}: {rule.GetString()}").Message);
        }
    }

    private static string Size(JsonElement tag) => tag.TryGetProperty("contentBytes", out var bytes)
        ? VerifyCommand.Bytes(bytes.GetInt64()) : "";

    /// <summary>As much of a digest as people compare; all of it is in the JSON.</summary>
    public static string ShortDigest(JsonElement json) =>
        json.TryGetProperty("digest", out var value) && value.GetString() is { } digest
            ? digest[..Math.Min(digest.Length, digest.IndexOf(':', StringComparison.Ordinal) + 13)] : "";

    /// <summary>When a tag goes, if nothing keeps it.</summary>
    private static string End(JsonElement tag) => ApiCall.Field("expiresAt")(tag).Length == 0 ? ""
        : tag.GetProperty("isPinned").GetBoolean() ? "never: pinned"
        : tag.TryGetProperty("immutableBy", out _) ? "never: immutable" : ApiCall.Time("expiresAt")(tag);

    private static ImageArgument TagOf(ApiCall call, Argument<string> image) =>
        ImageArgument.ParseTag(call.Parsed.GetValue(image)!);
}
