using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Metadata;

namespace Berth.Cli;

/// <summary><c>berth trash</c>: what was deleted, and can be brought back for a while.</summary>
internal static class TrashCommand
{
    private const int NamedTags = 20;

    public static Command Create()
    {
        var repository = ApiCommand.Text("--repository", "Only that of a repository.");
        var space = ApiCommand.Text("--namespace", "Only that of a namespace.");
        var id = ApiCommand.Id("The number in the list.");
        return ApiCommand.Group(
            "trash", "What was deleted, and can be brought back for a while.",
            ApiCommand.Create(
                "list", "List what is in the trash, the latest first.",
                call => call.ListAsync(
                    "trash" + ScopeOf(call, repository, space),
                    ("ID", ApiCall.Field("id")), ("WHAT", json => NameOf(json)), ("DELETED", ApiCall.Time("deletedAt")),
                    ("BY", ApiCall.Field("deletedBy")), ("WHY", ApiCall.Field("reason")),
                    ("GOES", ApiCall.Time("purgeAt"))),
                repository, space),
            CreateRestore(id),
            CreateDelete(id),
            CreateEmpty(repository, space));
    }

    private static Command CreateRestore(Argument<long> id)
    {
        var move = ApiCommand.Switch("--move-tags", "Move back tags that point elsewhere by now.");
        var keep = ApiCommand.Switch(
            "--keep-tags",
            "Leave such tags where they are, and in the trash, and bring back the rest.");
        return ApiCommand.Create(
            "restore", "Bring back what is in the trash, with its tags.",
            call =>
            {
                if (call.Parsed.GetValue(move) && call.Parsed.GetValue(keep))
                    throw new InvalidDataException("--move-tags and --keep-tags exclude each other");
                bool? moves = call.Parsed.GetValue(move) ? true : call.Parsed.GetValue(keep) ? false : null;
                return call.DoAsync(
                    "POST", $"trash/{call.Parsed.GetValue(id)}/restore", new JsonObject { ["moveTags"] = moves },
                    done => $"Brought back {VerifyCommand.Count(done.GetProperty("manifests").GetInt32(), "manifest")} "
                        + $"and {VerifyCommand.Count(done.GetProperty("tags").GetArrayLength(), "tag")} of "
                        + $"{done.GetProperty("repository").GetString()}."
                        + Left(done, "taken", "since it points elsewhere by now", "since they point elsewhere by now")
                        + Left(done, "lost", "since its manifest is gone for good",
                            "since their manifests are gone for good"));
            },
            id, move, keep);
    }

    /// <summary>What stayed in the trash.</summary>
    private static string Left(JsonElement done, string field, string whyOne, string whyMany)
    {
        var tags = done.GetProperty(field).EnumerateArray().Select(tag => tag.GetString()).ToList();
        if (tags.Count == 0) return "";
        var more = tags.Count - NamedTags;
        return $"\nStays in the trash, {(tags.Count == 1 ? whyOne : whyMany)}: "
            + string.Join(", ", tags.Take(NamedTags)) + (more > 0 ? $" and {more:N0} more." : ".");
    }

    private static Command CreateDelete(Argument<long> id)
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "delete", "Remove an entry of the trash for good.",
            async call =>
            {
                var path = $"trash/{call.Parsed.GetValue(id)}";
                var entry = await call.Api.AskAsync("GET", path, null, call.Cancellation);
                if (await consent.AskAsync(call.Parsed, "remove", $"{NameOf(entry)} for good.", call.Cancellation))
                    await call.DoAsync("DELETE", path, null, _ => $"{NameOf(entry)} is being removed for good.");
            },
            id, consent.DryRun, consent.Yes);
    }

    private static Command CreateEmpty(Option<string?> repository, Option<string?> space)
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "empty", "Remove all that is in the trash for good. `berth gc --empty-trash` waits for the space too.",
            async call =>
            {
                var path = "trash" + ScopeOf(call, repository, space);
                var entries = (await call.Api.ListAsync(path, call.Cancellation)).Count;
                var words = string.Create(
                    CultureInfo.InvariantCulture, $"{entries:N0} {(entries == 1 ? "entry" : "entries")}");
                var what = $"{words} of the trash for good.";
                if (!await consent.AskAsync(call.Parsed, "remove", what, call.Cancellation)) return;
                var scope = new JsonObject
                {
                    ["repository"] = call.Parsed.GetValue(repository),
                    ["namespace"] = call.Parsed.GetValue(space),
                };
                await call.DoAsync(
                    "POST", "trash/empty", scope,
                    done => $"Entries that are being removed for good: {done.GetProperty("entries").GetInt32()}.");
            },
            repository, space, consent.DryRun, consent.Yes);
    }

    private static string ScopeOf(ApiCall call, Option<string?> repository, Option<string?> space) =>
        (call.Parsed.GetValue(repository), call.Parsed.GetValue(space)) switch
        {
            ({ } name, null) => $"?repository={Uri.EscapeDataString(name)}",
            (null, { } name) => $"?namespace={Uri.EscapeDataString(name)}",
            (null, null) => "",
            _ => throw new InvalidDataException("--repository and --namespace exclude each other"),
        };

    private static string NameOf(JsonElement entry)
    {
        var repository = entry.GetProperty("repository").GetString();
        var name = entry.GetProperty("name").GetString()!;
        return entry.GetProperty("kind").GetString() switch
        {
            TrashKinds.Tag => $"{repository}:{name}",
            TrashKinds.Manifest => $"{repository}@{TagCommand.ShortDigest(entry)}",
            _ => $"{repository} (all of it)",
        };
    }
}
