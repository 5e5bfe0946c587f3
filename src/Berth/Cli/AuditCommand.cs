using System.CommandLine;
using Berth.Api;

namespace Berth.Cli;

/// <summary><c>berth audit</c>: who did what.</summary>
internal static class AuditCommand
{
    public static Command Create() => ApiCommand.Group(
        "audit", "The log of who did what.",
        Listing("list", "Show entries, the newest first.", async (call, path) => await call.ListAsync(
            path,
            ("TIME", ApiCall.Time("time")), ("ACTION", ApiCall.Field("action")), ("RESULT", ApiCall.Field("result")),
            ("ACTOR", ApiCall.Field("actor")), ("ADDRESS", ApiCall.Field("address")),
            ("REPOSITORY", ApiCall.Field("repository")), ("TARGET", ApiCall.Field("target")),
            ("DETAIL", ApiCall.Field("detail")))),
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
        return ApiCommand.Create(name, description, call => run(call, PathOf(call, filters)), [.. filters.Values]);
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

            query.Add($"{name}={Uri.EscapeDataString(text)}");
        }

        return "audit?" + string.Join('&', query);
    }
}
