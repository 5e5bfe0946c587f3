using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Metadata;

namespace Berth.Cli;

/// <summary><c>berth retention</c>: what the rules on tags would remove, and runs of them now.</summary>
internal static class RetentionCommand
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var repository = ApiCommand.Text("--repository", "Only in a repository.");
        var space = ApiCommand.Text("--namespace", "Only in a namespace.");
        var all = ApiCommand.Switch("--all", "Also what stays, with the reason.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would go, and why.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        return ApiCommand.Group(
            "retention", "What the rules on tags (`berth rule`) would remove, and runs of them now.",
            ApiCommand.Create(
                "plan", "Show what a run would do with each tag, and why.",
                async call => await ShowAsync(
                    call, await PlanAsync(call, repository, space, all: call.Parsed.GetValue(all))),
                repository, space, all),
            ApiCommand.Create(
                "run", "Put what the rules don't keep into the trash, now.",
                call => RunAsync(
                    call, repository, space, call.Parsed.GetValue(dryRun), call.Parsed.GetValue(yes)),
                repository, space, dryRun, yes),
            ApiCommand.Create(
                "runs", "List the last runs that removed anything, or that somebody asked for.", ListAsync));
    }

    private static Task ListAsync(ApiCall call) => call.ListAsync(
        "retention/runs", ("ID", ApiCall.Field("id")), ("BY", ApiCall.Field("requestedBy")),
        ("WHERE", row => row.TryGetProperty("repository", out var name) || row.TryGetProperty("namespace", out name)
            ? name.GetString()! : "everywhere"),
        ("STARTED", ApiCall.Time("startedAt")), ("ENDED", ApiCall.Time("endedAt")), ("STATE", ApiCall.Field("state")),
        ("TAGS", ApiCall.Field("tags")), ("MANIFESTS", ApiCall.Field("manifests")), ("ERROR", ApiCall.Field("error")));

    private static async Task RunAsync(
        ApiCall call, Option<string?> repository, Option<string?> space, bool isDryRun, bool isSure)
    {
        if (isDryRun || !isSure)
        {
            var going = await EstimateAsync(call, call.Parsed.GetValue(repository), call.Parsed.GetValue(space));
            if (isDryRun)
            {
                await ShowAsync(call, await PlanAsync(call, repository, space, all: false));
                if (!call.IsJson) Console.WriteLine($"This would put {going}.");
                return;
            }

            await StandardInput.ConfirmAsync($"This puts {going}.", "--yes", call.Cancellation);
        }

        var sent = new JsonObject
        {
            ["repository"] = call.Parsed.GetValue(repository),
            ["namespace"] = call.Parsed.GetValue(space),
        };
        var run = await call.Api.AskAsync("POST", "retention/runs", sent, call.Cancellation);
        await using var node = call.Api.Settings is { } settings
            ? await LocalNode.StartAsync(settings, call.Cancellation) : null;
        while (run.GetProperty("state").GetString() is not (CollectionStates.Done or CollectionStates.Failed))
        {
            await Task.Delay(BetweenLooks, call.Cancellation);
            run = await call.Api.AskAsync(
                "GET", $"retention/runs/{run.GetProperty("id")}", null, call.Cancellation);
        }

        if (run.GetProperty("state").GetString() == CollectionStates.Failed)
            throw new ApiRefusalException($"the run failed: {run.GetProperty("error").GetString()}");
        Console.WriteLine(call.IsJson
            ? run.GetRawText()
            : $"Put {VerifyCommand.Count(run.GetProperty("tags").GetInt64(), "tag")} and "
                + $"{VerifyCommand.Count(run.GetProperty("manifests").GetInt64(), "manifest")} into the trash.");
    }

    /// <summary>What would become of each tag of the repositories.</summary>
    private static async Task<List<(string Repository, JsonElement Entry)>> PlanAsync(
        ApiCall call, Option<string?> repository, Option<string?> space, bool all)
    {
        var found = new List<(string, JsonElement)>();
        var going = all ? "false" : "true";
        foreach (var name in await RepositoriesAsync(
            call, call.Parsed.GetValue(repository), call.Parsed.GetValue(space)))
        {
            var path = $"retention/plan?n=1000&going={going}&repository={Uri.EscapeDataString(name)}";
            await foreach (var entry in call.Api.EachAsync(path, call.Cancellation)) found.Add((name, entry));
        }

        return found;
    }

    private static async Task<List<string>> RepositoriesAsync(ApiCall call, string? repository, string? space)
    {
        if (repository is not null) return [repository];
        var path = "repositories?n=1000" + (space is null ? "" : $"&namespace={Uri.EscapeDataString(space)}");
        var found = await call.Api.ListAsync(path, call.Cancellation);

        // The list of repositories hides whether there is such a namespace; this refuses one that there is not.
        if (found.Count == 0 && space is not null) await EstimateAsync(call, repository: null, space);
        return found.ConvertAll(one => one.GetProperty("name").GetString()!);
    }

    private static Task ShowAsync(ApiCall call, List<(string Repository, JsonElement Entry)> plan)
    {
        if (call.IsJson)
        {
            var items = plan.Select(one =>
            {
                var json = JsonNode.Parse(one.Entry.GetRawText())!.AsObject();
                json["repository"] = one.Repository;
                return json.ToJsonString();
            });
            Console.WriteLine($"{{\"items\":[{string.Join(',', items)}]}}");
            return Task.CompletedTask;
        }

        Print(plan);
        return Task.CompletedTask;
    }

    /// <summary>What becomes of tags and manifests, and why.</summary>
    public static void Print(List<(string Repository, JsonElement Entry)> plan)
    {
        Table.Print(
            ["IMAGE", "", "WHY"],
            [.. plan.Select(one => new[]
            {
                one.Entry.GetProperty("kind").GetString() == "tag"
                    ? $"{one.Repository}:{one.Entry.GetProperty("name").GetString()}"
                    : $"{one.Repository}@{TagCommand.ShortDigest(one.Entry)}",
                one.Entry.GetProperty("goes").GetBoolean() ? "goes" : "stays",
                one.Entry.GetProperty("reason").GetString()!,
            })]);
    }

    /// <summary>What a run would do, and the space that frees.</summary>
    private static async Task<string> EstimateAsync(ApiCall call, string? repository, string? space)
    {
        var path = "retention/estimate" + (repository is not null ? $"?repository={Uri.EscapeDataString(repository)}"
            : space is not null ? $"?namespace={Uri.EscapeDataString(space)}" : "");
        var found = await call.Api.AskAsync("GET", path, null, call.Cancellation);
        return $"{VerifyCommand.Count(found.GetProperty("tags").GetInt64(), "tag")} and "
            + $"{VerifyCommand.Count(found.GetProperty("manifests").GetInt64(), "manifest")} into the trash, which "
            + $"frees {VerifyCommand.Bytes(found.GetProperty("bytes").GetInt64())} once they go from there";
    }
}
