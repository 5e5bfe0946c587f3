using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth repo copy</c>: images in another repository, without moving a byte.</summary>
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
                var body = new JsonObject
                {
                    ["from"] = call.Parsed.GetValue(from),
                    ["to"] = call.Parsed.GetValue(to),
                    ["dryRun"] = isDry,
                };
                if (call.Parsed.GetValue(tags) is { } some) body["tags"] = ApiCall.ArrayOf(some);
                return call.DoAsync(
                    "POST", "repositories/copies", body,
                    copied => $"{(isDry ? "This would copy" : "Copied")} {Count(copied, "tag")} and "
                        + $"{Count(copied, "manifest")} that are new in {call.Parsed.GetValue(to)}, with "
                        + $"{Count(copied, "blob")}.");
            },
            from, to, tags, dryRun);
    }

    private static string Count(JsonElement answer, string noun) =>
        VerifyCommand.Count(answer.GetProperty(noun + "s").GetInt64(), noun);
}
