using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth rule</c>: which tags stay, go, or never move.</summary>
internal static class TagRuleCommand
{
    private static readonly Argument<long> Id = ApiCommand.Id("The rule's number in the list.");

    public static Command Create()
    {
        var space = ApiCommand.Text("--namespace", "Only those of a namespace.");
        return ApiCommand.Group(
            "rule", "Rules on tags: which stay, which go, and which never move.",
            CreateAdd(),
            ApiCommand.Create(
                "list", "List rules.",
                call => call.ListAsync(
                    call.Parsed.GetValue(space) is { } name
                        ? $"tag-rules?namespace={Uri.EscapeDataString(name)}" : "tag-rules",
                    ("ID", ApiCall.Field("id")), ("REPOSITORIES", ApiCall.Field("names")), ("TAGS", TagsOf),
                    ("RULE", Words)),
                space),
            ApiCommand.Create(
                "remove", "Remove a rule.",
                call => call.DoAsync(
                    "DELETE", $"tag-rules/{call.Parsed.GetValue(Id)}", null,
                    _ => $"Rule {call.Parsed.GetValue(Id)} is gone."),
                Id));
    }

    private static Command CreateAdd()
    {
        var names = ApiCommand.Argument("REPOSITORIES", "A pattern: acme/app, acme/*, or acme/** for all below.");
        var tags = ApiCommand.Text(
            "--tags", "The tags that it is about: patterns with commas between, such as pr-*, or regular "
            + "expressions as /^v[0-9]+$/. Without it, all.");
        var except = ApiCommand.Text("--except", "Tags that it is not about: patterns with commas between.");
        var immutable = ApiCommand.Switch("--immutable", "These tags never move, and are never deleted.");
        var always = ApiCommand.Switch("--keep-always", "All of them stay, whatever other rules say.");
        var pushed = ApiCommand.Number("--keep-last", "How many images stay: those that were pushed or tagged last.");
        var pulled = ApiCommand.Number("--keep-last-pulled", "How many images stay: those that were pulled last.");
        var keepFor = ApiCommand.Text(
            "--keep-for", "How long an image stays after it was last pushed, tagged or pulled: 30d.");
        var versions = ApiCommand.Text("--keep-versions", "Versions that stay, as npm writes ranges: '>=1.2 <2'.");
        var group = ApiCommand.Text(
            "--group-by", "A regular expression: --keep-last counts for each text that its group matches.");
        var untagged = ApiCommand.Text(
            "--untagged-after", "How long a manifest stays that no tag or index holds: 14d.");
        return ApiCommand.Create(
            "add", "Add a rule. Tags that no rule is about stay.",
            call => call.DoAsync(
                "POST", "tag-rules",
                new JsonObject
                {
                    ["names"] = call.Parsed.GetValue(names),
                    ["tags"] = ApiCall.ArrayOf(call.Parsed.GetValue(tags)),
                    ["except"] = ApiCall.ArrayOf(call.Parsed.GetValue(except)),
                    ["isImmutable"] = call.Parsed.GetValue(immutable),
                    ["keepsAlways"] = call.Parsed.GetValue(always),
                    ["keepLastPushed"] = call.Parsed.GetValue(pushed),
                    ["keepLastPulled"] = call.Parsed.GetValue(pulled),
                    ["keepForSeconds"] = SecondsOf(call.Parsed.GetValue(keepFor)),
                    ["keepVersions"] = call.Parsed.GetValue(versions),
                    ["groupBy"] = call.Parsed.GetValue(group),
                    ["untaggedSeconds"] = SecondsOf(call.Parsed.GetValue(untagged)),
                },
                made => $"Rule {made.GetProperty("id")}: {Words(made)}, in {ApiCall.Field("names")(made)}."),
            names, tags, except, immutable, always, pushed, pulled, keepFor, versions, group, untagged);
    }

    private static double? SecondsOf(string? text) => text is null ? null : ApiCall.DurationOf(text).TotalSeconds;

    private static string TagsOf(JsonElement rule)
    {
        var (tags, except) = (ApiCall.Field("tags")(rule), ApiCall.Field("except")(rule));
        return (tags.Length == 0 ? "all" : tags) + (except.Length == 0 ? "" : $" but {except}");
    }

    /// <summary>What a rule says.</summary>
    private static string Words(JsonElement rule)
    {
        if (rule.GetProperty("isImmutable").GetBoolean()) return "immutable";
        var words = new List<string>();
        if (rule.GetProperty("keepsAlways").GetBoolean()) words.Add("keep always");
        Add("keepLastPushed", value => $"keep the last {value}");
        Add("keepLastPulled", value => $"keep the last {value} pulled");
        Add("keepForSeconds", value => $"keep for {Days(value)}");
        Add("keepVersions", value => $"keep versions {value.GetString()}");
        Add("groupBy", value => $"for each {value.GetString()}");
        Add("untaggedSeconds", value => $"untagged go after {Days(value)}");
        return string.Join(", ", words);

        void Add(string field, Func<JsonElement, string> say)
        {
            if (rule.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null)
                words.Add(say(value));
        }
    }

    private static string Days(JsonElement seconds)
    {
        var time = TimeSpan.FromSeconds(seconds.GetDouble());
        return time.TotalDays >= 2 ? $"{time.TotalDays:0.#} days"
            : time.TotalHours >= 2 ? $"{time.TotalHours:0.#} hours" : $"{time.TotalSeconds:0.#} seconds";
    }
}
