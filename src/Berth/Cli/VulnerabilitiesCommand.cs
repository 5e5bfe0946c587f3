using System.CommandLine;
using System.Text.Json;
using Berth.Access;

namespace Berth.Cli;

/// <summary><c>berth vulnerabilities</c>: what images are compared with; and which images have one.</summary>
internal static class VulnerabilitiesCommand
{
    private const int MaxShown = 300;

    public static Command Create() => ApiCommand.Group(
        "vulnerabilities", "What images are compared with, and what was found lately.",
        CreateStatus(), CreateUpdate(), CreateNews());

    /// <summary>For <c>berth search</c>.</summary>
    public static Command CreateSearch()
    {
        var name = ApiCommand.Argument("NAME", "The vulnerability: CVE-2021-44228, GHSA-jfh8-c2jp-5v3q.");
        var space = ApiCommand.Text("--namespace", "Only in this namespace.");
        var repository = ApiCommand.Text("--repository", "Only in this repository.");
        return ApiCommand.Create(
            "vulnerability", "Find images with a vulnerability, by its name.",
            async call =>
            {
                var path = $"search/vulnerabilities?name={Uri.EscapeDataString(call.Parsed.GetValue(name)!)}"
                    + ImageCommand.Field("namespace", call.Parsed.GetValue(space))
                    + ImageCommand.Field("repository", call.Parsed.GetValue(repository));
                await PrintFoundAsync(call, path);
            },
            name, space, repository);
    }

    /// <summary>Prints which images have a vulnerability.</summary>
    /// <param name="call">The command.</param>
    /// <param name="path">What is asked.</param>
    public static async Task PrintFoundAsync(ApiCall call, string path)
    {
        var seen = await call.Api.AskAsync("GET", path, body: null, call.Cancellation);
        if (!seen.GetProperty("isComplete").GetBoolean())
            await Console.Error.WriteLineAsync("Some images were not compared yet: there may be more.");
        await call.ListAsync(
            path, SearchCommand.NothingFound, ("IMAGE", PackageSearchCommand.ImageOf),
            ("SEVERITY", ApiCall.Field("severity")), ("PACKAGE", Text("package")), ("VERSION", Text("version")),
            ("FIXED IN", Text("fixedIn")), ("FIRST SEEN", ApiCall.Time("firstSeen")));
    }

    private static Command CreateStatus() => ApiCommand.Create(
        "status", "Show which sources images are compared with, and how old their data is.",
        async call =>
        {
            var seen = await call.Api.AskAsync("GET", "vulnerabilities", body: null, call.Cancellation);
            if (call.IsJson)
            {
                Console.WriteLine(seen.GetRawText());
                return;
            }

            if (seen.GetProperty("state").GetString() == "off")
            {
                Console.WriteLine($"Images are not scanned: {call.NotScanned}.");
                return;
            }

            Table.Print(
                ["SOURCE", "ASKED", "MADE", "RECORDS", "FAULT"],
                [.. seen.GetProperty("sources").EnumerateArray().Select(one => new[]
                {
                    Text("source")(one), ApiCall.Time("checkedAt")(one), ApiCall.Time("modifiedAt")(one),
                    ApiCall.Field("records")(one), Text("fault")(one),
                })]);
            Console.WriteLine(seen.TryGetProperty("builtAt", out _)
                ? $"In use since {ApiCall.Time("builtAt")(seen)}, for: {ApiCall.Field("ecosystems")(seen)}"
                : "Nothing is known yet.");
        });

    private static Command CreateUpdate() => ApiCommand.Create(
        "update", "Have a server ask for what is new, and compare all images with it.",
        call => call.Api.Settings is { Vulnerabilities.Sources.Count: 0 }
            ? throw new ApiRefusalException(call.NotScanned)
            : call.DoAsync(
                "POST", "vulnerabilities/updates", body: null,
                _ => "A server asks within a minute: `berth vulnerabilities status` tells how that went."));

    private static Command CreateNews()
    {
        var since = ApiCommand.Text("--since", "How long ago it was first seen at most: 24h, 30d. Default: 7d.");
        var severity = ScanCommand.Severity("--severity", "Only what is at least as bad");
        var inUse = ApiCommand.Switch("--in-use", "Only in images that are in lists of pins.");
        var tag = ApiCommand.Text("--tag", "Only in images with a tag that fits this pattern: v*.");
        var space = ApiCommand.Text("--namespace", "Only in this namespace.");
        return ApiCommand.Create(
            "news", "List what was found lately in images.",
            call =>
            {
                var age = ApiCall.DurationOf(call.Parsed.GetValue(since) ?? "7d");
                var from = (TimeProvider.System.GetUtcNow() - age).UtcDateTime;
                var path = $"vulnerabilities/news?since={from:yyyy-MM-ddTHH:mm:ssZ}"
                    + ImageCommand.Field("severity", call.Parsed.GetValue(severity))
                    + (call.Parsed.GetValue(inUse) ? "&inUse=true" : "")
                    + ImageCommand.Field("tag", call.Parsed.GetValue(tag))
                    + ImageCommand.Field("namespace", call.Parsed.GetValue(space));
                return call.ListAsync(
                    path, SearchCommand.NothingFound, ("FIRST SEEN", ApiCall.Time("firstSeen")),
                    ("IMAGE", PackageSearchCommand.ImageOf), ("SEVERITY", ApiCall.Field("severity")),
                    ("VULNERABILITY", ApiCall.Field("name")),
                    ("PACKAGE", Text("package")), ("VERSION", Text("version")), ("FIXED IN", Text("fixedIn")));
            },
            since, severity, inUse, tag, space);
    }

    private static Func<JsonElement, string> Text(string field) => json =>
        json.TryGetProperty(field, out var value) ? PlainText.Of(value.GetString()!, MaxShown) : "";
}
