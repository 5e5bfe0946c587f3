using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth repo copy</c> and <c>move</c>: images in another repository, without moving a byte.</summary>
internal static class RepositoryCopyCommand
{
    public static Command CreateCopy()
    {
        var from = ApiCommand.Argument("FROM", "The repository whose images are copied.");
        var to = ApiCommand.Argument("TO", "The repository that gets them: a new one, or one that is added to.");
        var tags = ApiCommand.Text("--tags", "Only these, with commas between, and what belongs to them.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be done.");
        return ApiCommand.Create(
            "copy", "Copy images to another repository, with the same digests and without moving a byte.",
            call =>
            {
                var isDry = call.Parsed.GetValue(dryRun);
                var body = Write(call, from, to, isDry);
                if (call.Parsed.GetValue(tags) is { } some) body["tags"] = ApiCall.ArrayOf(some);
                return call.DoAsync(
                    "POST", "repositories/copies", body,
                    copied => $"{(isDry ? "This would copy" : "Copied")} {Count(copied, "tag")} and "
                        + $"{Count(copied, "manifest")} that are new in {call.Parsed.GetValue(to)}, with "
                        + $"{Count(copied, "blob")}.");
            },
            from, to, tags, dryRun);
    }

    public static Command CreateMove()
    {
        var from = ApiCommand.Argument("FROM", "The repository's name.");
        var to = ApiCommand.Argument("TO", "The new name, which nothing has.");
        var consent = new Consent();
        return ApiCommand.Create(
            "move", "Give a repository another name. Pulls by the old one go on.",
            async call =>
            {
                // Whatever would refuse it does so before anybody is asked.
                var body = Write(call, from, to, isDry: true);
                var would = await call.Api.AskAsync("POST", "repositories/moves", body, call.Cancellation);
                var isHidden = !would.GetProperty("isPublic").GetBoolean();
                var what = $"{call.Parsed.GetValue(from)} with {Count(would, "tag")} to {call.Parsed.GetValue(to)}, "
                    + $"which is {(isHidden ? "private" : "public")} then. Rights, robots, quotas and rules stay with "
                    + "the names.";
                if (!await consent.AskAsync(call.Parsed, "move", what, call.Cancellation)) return;
                await call.DoAsync(
                    "POST", "repositories/moves", Write(call, from, to, isDry: false),
                    moved => $"Moved {call.Parsed.GetValue(from)} with {Count(moved, "tag")} to "
                        + $"{call.Parsed.GetValue(to)}.");
            },
            from, to, consent.DryRun, consent.Yes);
    }

    private static JsonObject Write(ApiCall call, Argument<string> from, Argument<string> to, bool isDry) => new()
    {
        ["from"] = call.Parsed.GetValue(from),
        ["to"] = call.Parsed.GetValue(to),
        ["dryRun"] = isDry,
    };

    private static string Count(JsonElement answer, string noun) =>
        VerifyCommand.Count(answer.GetProperty(noun + "s").GetInt64(), noun);
}
