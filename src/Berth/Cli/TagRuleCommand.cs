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
            CreateChange(),
            CreateRemove());
    }

    private static Command CreateAdd()
    {
        var names = ApiCommand.Argument("REPOSITORIES", "A pattern: acme/app, acme/*, or acme/** for all below.");
        var options = new TagRuleOptions();
        var dryRun = DryRun();
        return ApiCommand.Create(
            "add", "Add a rule. Tags that no rule is about stay.",
            async call =>
            {
                var rule = options.Read(call.Parsed, call.Parsed.GetValue(names)!);
                if (call.Parsed.GetValue(dryRun)) await PlanAsync(call, "tag-rules/plan", rule);
                else await call.DoAsync("POST", "tag-rules", rule, Say);
            },
            [names, .. options.All, dryRun]);
    }

    private static Command CreateChange()
    {
        var names = ApiCommand.Text("--repositories", "The pattern of repositories that it is about from now on.");
        var options = new TagRuleOptions();
        var without = ApiCommand.Text(
            "--without", "What the rule does not say any more: names of options with commas between, as in "
            + "keep-for,except.");
        var dryRun = DryRun();
        return ApiCommand.Create(
            "change", "Change a rule. What no option names stays as it is.",
            async call =>
            {
                var path = $"tag-rules/{call.Parsed.GetValue(Id)}";
                var before = await call.Api.AskAsync("GET", path, null, call.Cancellation);
                var rule = options.Read(
                    call.Parsed, call.Parsed.GetValue(names) ?? before.GetProperty("names").GetString()!, before,
                    call.Parsed.GetValue(without));
                if (call.Parsed.GetValue(dryRun))
                    await PlanAsync(call, $"tag-rules/plan?replaces={call.Parsed.GetValue(Id)}", rule);
                else await call.DoAsync("PUT", path, rule, Say);
            },
            [Id, names, .. options.All, without, dryRun]);
    }

    private static Option<bool> DryRun() =>
        ApiCommand.Switch("--dry-run", "Only tell what would go with it, and why; save nothing.");

    private static Command CreateRemove()
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "remove", "Remove a rule.",
            async call =>
            {
                var path = $"tag-rules/{call.Parsed.GetValue(Id)}";
                var rule = await call.Api.AskAsync("GET", path, null, call.Cancellation);
                var then = rule.GetProperty("isImmutable").GetBoolean()
                    ? "Its tags can be moved and deleted then."
                    : "Tags that only it keeps go if another rule is about them.";
                var what = $"rule {call.Parsed.GetValue(Id)} ({Words(rule)}; {TagsOf(rule)} in "
                    + $"{ApiCall.Field("names")(rule)}). {then}";
                if (!await consent.AskAsync(call.Parsed, "remove", what, call.Cancellation)) return;
                await call.DoAsync("DELETE", path, null, _ => $"Rule {call.Parsed.GetValue(Id)} is gone.");
            },
            Id, consent.DryRun, consent.Yes);
    }

    /// <summary>Tells what would go if a rule counted.</summary>
    private static async Task PlanAsync(ApiCall call, string path, JsonObject rule)
    {
        var plan = await call.Api.AskAsync("POST", path, rule, call.Cancellation);
        if (call.IsJson)
        {
            Console.WriteLine(plan.GetRawText());
            return;
        }

        List<JsonElement> going = [.. plan.GetProperty("going").EnumerateArray()];
        if (going.Count > 0)
        {
            RetentionCommand.Print(
                going.ConvertAll(entry => (entry.GetProperty("repository").GetString()!, entry)));
        }

        if (plan.TryGetProperty("more", out var more)) Console.WriteLine($"… and {more.GetInt64():N0} more");
        Console.WriteLine(
            $"With this rule, {VerifyCommand.Count(plan.GetProperty("tags").GetInt64(), "tag")} and "
            + $"{VerifyCommand.Count(plan.GetProperty("manifests").GetInt64(), "manifest")} without tags would go."
            + $"{Matches(plan, IsAboutTags(rule))} Nothing was changed.");
    }

    private static string Say(JsonElement rule) =>
        $"Rule {rule.GetProperty("id")}: {Words(rule)}, in {ApiCall.Field("names")(rule)}."
        + Matches(rule, IsAboutTags(JsonNode.Parse(rule.GetRawText())!.AsObject()));

    /// <summary>What a rule is about now. A pattern that is mistyped matches nothing.</summary>
    private static string Matches(JsonElement found, bool isAboutTags)
    {
        // Not everyone who may save a rule may know, and a rule is saved even if the count fails.
        if (!found.TryGetProperty("matchedRepositories", out var counted)) return "";
        var (repositories, tags) = (counted.GetInt64(), found.GetProperty("matchedTags").GetInt64());
        var isMore = found.TryGetProperty("matchesMore", out var more) && more.GetBoolean();
        if (repositories == 0) return " It matches no repository yet: if it should, check the pattern.";
        var text = $" It matches {(isMore ? "at least " : "")}"
            + (repositories == 1 ? "1 repository" : $"{repositories:N0} repositories");
        if (!isAboutTags) return $"{text} now.";
        if (tags == 0 && isMore) return $"{text}, and no tag of those that were counted.";
        return tags == 0
            ? $"{text}, but no tag there yet: if it should, check the patterns of tags."
            : $"{text} and {VerifyCommand.Count(tags, "tag")} now.";
    }

    /// <summary>Not if it only says when manifests without tags go.</summary>
    private static bool IsAboutTags(JsonObject rule) => rule["untaggedSeconds"] is null
        || rule.Any(field => (field.Key.StartsWith("keep", StringComparison.Ordinal) || field.Key == "orphanedSeconds")
            && field.Value is { } value && value.GetValueKind() is not (JsonValueKind.False or JsonValueKind.Null));

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
        Add("orphanedSeconds", value => $"orphaned attachments go after {Days(value)}");
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
