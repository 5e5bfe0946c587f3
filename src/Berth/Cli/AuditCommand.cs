using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Api;

namespace Berth.Cli;

/// <summary><c>berth audit</c>: who did what.</summary>
internal static partial class AuditCommand
{
    public static Command Create() => ApiCommand.Group(
        "audit", "The log of who did what.",
        Listing("list", "Show entries, the newest first.", async (call, path) => await call.ListAsync(
            path,
            ("TIME", ApiCall.Time("time")), ("ACTION", ActionOf), ("RESULT", ApiCall.Field("result")),
            ("ACTOR", ApiCall.Field("actor")), ("ADDRESS", ApiCall.Field("address")),
            ("REPOSITORY", ApiCall.Field("repository")), ("TARGET", Short("target")),
            ("DETAIL", Short("detail")))),
        Listing("export", "Print all entries, each as a line of JSON, the newest first.", async (call, path) =>
        {
            await foreach (var entry in call.Api.EachAsync(path, call.Cancellation))
                Console.WriteLine(entry.GetRawText());
        }));

    private static Command Listing(string name, string description, Func<ApiCall, string, Task> run)
    {
        var filters = AuditEndpoints.Filters.ToDictionary(filter => filter, filter => ApiCommand.Text(
            "--" + filter, filter switch
            {
                "since" => "Only what was done since then: a time, or a duration such as 24h.",
                "until" => "Only what was done before then.",
                "result" => "Only what was done, or denied.",
                _ => $"Only entries with this {filter}.",
            }));
        var changes = ApiCommand.Switch(
            "--changes", "Only what changed something or was denied: no reads, pulls and sign-ins.");
        return ApiCommand.Create(
            name, description,
            call => run(
                call,
                PathOf(call, filters) + (call.Parsed.GetValue(changes) ? $"&{AuditEndpoints.Changes}=true" : "")),
            [.. filters.Values, changes]);
    }

    private static string PathOf(ApiCall call, Dictionary<string, Option<string?>> filters)
    {
        var query = new List<string> { "n=1000" };
        foreach (var (name, option) in filters)
        {
            if (call.Parsed.GetValue(option) is not { } text) continue;
            if (name is "since" or "until" && !text.Contains('-'))
            {
                text = (TimeProvider.System.GetUtcNow() - ApiCall.DurationOf(text, mayBeDate: true)).UtcDateTime
                    .ToString("O");
            }

            if (name == "action") text = ShortAction().Replace(text, $"$1 {ApiRoutes.Prefix}/$2");
            query.Add($"{name}={Uri.EscapeDataString(text)}");
        }

        return "audit?" + string.Join('&', query);
    }

    /// <summary>What all actions of the API begin with takes room. A filter may leave it out, too.</summary>
    private static string ActionOf(JsonElement entry) =>
        ApiCall.Field("action")(entry).Replace(ApiRoutes.Prefix + "/", "", StringComparison.Ordinal);

    /// <summary>As many digits of digests as docker shows.</summary>
    private static Func<JsonElement, string> Short(string name) =>
        entry => Digest().Replace(ApiCall.Field(name)(entry), "$1");

    [GeneratedRegex("^([A-Z]+) ([^/].*)$")]
    private static partial Regex ShortAction();

    [GeneratedRegex("(sha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,}")]
    private static partial Regex Digest();
}
