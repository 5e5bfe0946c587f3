using System.CommandLine;
using System.Text.Json;
using Berth.Api;

namespace Berth.Cli;

/// <summary><c>berth search</c>: finds repositories, and has their index compared with what is stored.</summary>
internal static class SearchCommand
{
    private const int UsualEntries = 25;

    /// <summary>What every search says that finds nothing.</summary>
    public const string NothingFound = "Nothing was found.";

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var terms = new Argument<string[]>("TERM")
        {
            Description = "Words, \"phrases\" and filters: namespace:, tag:, label:KEY=VALUE, base:, platform:, type:, "
                + "is:official, is:public, is:private, is:starred. Images are found by "
                + "file:NAME, vulnerability:CVE-2021-44228, and by package:NAME with below:VERSION or version:VERSION.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var limit = new Option<int>("--limit")
        {
            Description = "The most repositories, up to 100.",
            DefaultValueFactory = _ => UsualEntries,
        };
        var search = ApiCommand.Create(
            "search", "Find repositories by their names, descriptions, tags, labels and base images.",
            call => FindAsync(call, string.Join(' ', call.Parsed.GetValue(terms) ?? []), call.Parsed.GetValue(limit)),
            terms, limit);
        search.Add(FileSearchCommand.Create());
        search.Add(PackageSearchCommand.Create());
        search.Add(VulnerabilitiesCommand.CreateSearch());
        search.Add(CreateRebuild());
        return search;
    }

    private static Command CreateRebuild()
    {
        var list = ApiCommand.Switch("--list", "Only list the last rebuilds.");
        return ApiCommand.Create(
            "rebuild", "Compare the index of searches with what is stored, and mend it. Works beside a running server.",
            call => call.Parsed.GetValue(list) ? ListAsync(call) : RebuildAsync(call), list);
    }

    private static async Task FindAsync(ApiCall call, string query, int limit)
    {
        // As on the page: these find images, and not repositories.
        if (AskedFile.Parse(query) is { } file)
        {
            await FileSearchCommand.FindAsync(call, file.Path + "&n=100");
            return;
        }

        if (AskedHolders.Parse(query) is { } asked)
        {
            await (asked.Vulnerability.Length > 0
                ? VulnerabilitiesCommand.PrintFoundAsync(call, asked.Path)
                : PackageSearchCommand.PrintFoundAsync(call, asked.Path));
            return;
        }

        var found = await call.Api.AskAsync(
            "GET", $"search?q={Uri.EscapeDataString(query)}&n={limit}", null, call.Cancellation);
        if (call.IsJson)
        {
            Console.WriteLine(found.GetRawText());
            return;
        }

        if (found.TryGetProperty("searchedFor", out var instead))
            Console.WriteLine($"Nothing has '{query}'. Searched for '{instead.GetString()}' instead.");
        if (found.GetProperty("items").GetArrayLength() == 0)
        {
            Console.WriteLine(NothingFound);
            return;
        }

        Table.Print(
            ["NAME", "STARS", "PULLS", "FOUND IN", "DESCRIPTION"],
            [.. found.GetProperty("items").EnumerateArray().Select(one => new[]
            {
                ApiCall.Field("name")(one), ApiCall.Field("stars")(one), ApiCall.Field("pulls")(one), Why(one),
                ApiCall.Field("description")(one),
            })]);
        var (shown, total) = (found.GetProperty("items").GetArrayLength(), found.GetProperty("total").GetInt64());
        if (shown < total) Console.WriteLine($"{shown} of {total}{(IsComplete(found) ? "" : " or more")}.");
    }

    private static bool IsComplete(JsonElement found) => found.GetProperty("isComplete").GetBoolean();

    private static string Why(JsonElement hit) => string.Join(", ", hit.GetProperty("matches").EnumerateArray()
        .Select(match => match.GetProperty("in").GetString() is "tag" or "label"
            ? $"{match.GetProperty("in").GetString()} {match.GetProperty("text").GetString()}"
            : match.GetProperty("in").GetString()!).Distinct());

    private static Task ListAsync(ApiCall call) => call.ListAsync(
        "search/rebuilds", ("ID", ApiCall.Field("id")), ("BY", ApiCall.Field("requestedBy")),
        ("STARTED", ApiCall.Time("startedAt")), ("ENDED", ApiCall.Time("endedAt")), ("STATE", ApiCall.Field("state")),
        ("REPOSITORIES", ApiCall.Field("repositories")), ("MISSING TAGS", ApiCall.Field("missingTags")));

    private static async Task RebuildAsync(ApiCall call)
    {
        var row = await call.Api.AskAsync("POST", "search/rebuilds", null, call.Cancellation);
        var id = row.GetProperty("id").GetInt64();
        await using var node = call.Api.Settings is { } settings
            ? await LocalNode.StartAsync(settings, call.Cancellation) : null;
        while (row.GetProperty("state").GetString() != "done")
        {
            await Task.Delay(BetweenLooks, call.Cancellation);
            row = await call.Api.AskAsync("GET", $"search/rebuilds/{id}", null, call.Cancellation);
        }

        Console.WriteLine(call.IsJson ? row.GetRawText()
            : $"Compared the index of {row.GetProperty("repositories").GetInt64():N0} repositories; it lacked "
            + $"{VerifyCommand.Count(row.GetProperty("missingTags").GetInt64(), "tag")}.");
    }
}
