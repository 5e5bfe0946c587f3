using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Metadata;
using Spectre.Console;

namespace Berth.Cli;

/// <summary><c>berth gc</c>: a whole collection of garbage now, besides those that run by themselves.</summary>
internal static class GcCommand
{
    /// <summary>What takes a while each: manifests, blobs of repositories, and blobs of the store.</summary>
    private static readonly string[] Items = ["manifests", "trashed", "links", "blobs"];

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var grace = ApiCommand.Text(
            "--grace", "How long a blob stays that nothing needs, such as 12h; storage.maintenance.gc.grace without "
            + "it. With 0s, pushes that run meanwhile may have to be repeated.");
        var emptyTrash = ApiCommand.Switch("--empty-trash", "Remove for good what is in the trash, too.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would go.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var list = ApiCommand.Switch("--list", "Only list the last collections, and what each has removed.");
        return ApiCommand.Create(
            "gc", "Remove what nothing needs any more, now and all of it. Works beside a running server.",
            call => call.Parsed.GetValue(list) ? ListAsync(call) : RunAsync(
                call, call.Parsed.GetValue(grace) is { } text ? ApiCall.DurationOf(text) : null,
                call.Parsed.GetValue(emptyTrash), call.Parsed.GetValue(dryRun), call.Parsed.GetValue(yes)),
            grace, emptyTrash, dryRun, yes, list);
    }

    private static Task ListAsync(ApiCall call)
    {
        return call.ListAsync(
            "garbage-collections", ("ID", ApiCall.Field("id")), ("BY", ApiCall.Field("requestedBy")),
            ("STARTED", ApiCall.Time("startedAt")), ("ENDED", ApiCall.Time("endedAt")),
            ("STATE", ApiCall.Field("state")), ("MANIFESTS", Removed("manifests")), ("BLOBS", Removed("blobs")),
            ("FREED", row => VerifyCommand.Bytes(row.GetProperty("removed").GetProperty("bytes").GetInt64())),
            ("ERROR", ApiCall.Field("error")));

        static Func<JsonElement, string> Removed(string field) =>
            row => ApiCall.Field(field)(row.GetProperty("removed"));
    }

    private static async Task RunAsync(
        ApiCall call, TimeSpan? grace, bool emptiesTrash, bool isDryRun, bool isSure)
    {
        var seconds = grace?.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        var path = "garbage-collections/estimate?emptyTrash=" + (emptiesTrash ? "true" : "false")
            + (seconds is null ? "" : $"&graceSeconds={seconds}");
        if (isDryRun)
        {
            await call.DoAsync("GET", path, null, found => $"A collection would remove {Text(found)}.");
            return;
        }

        long? entries = null;
        var expected = 0L;
        if (!isSure)
        {
            var found = await call.Api.AskAsync("GET", path, null, call.Cancellation);
            await StandardInput.ConfirmAsync($"This removes {Text(found)}, for good.", "--yes", call.Cancellation);
            entries = found.GetProperty("trashEntries").GetInt64();
            expected = ItemsOf(found);
        }

        // A collection counts manifests, and a tag in the trash is none.
        if (emptiesTrash && !call.IsJson) entries ??= (await call.Api.ListAsync("trash", call.Cancellation)).Count;
        var sent = new JsonObject { ["graceSeconds"] = grace?.TotalSeconds, ["emptyTrash"] = emptiesTrash };
        var made = await call.Api.AskAsync("POST", "garbage-collections", sent, call.Cancellation);
        var id = made.GetProperty("id").GetInt64();
        await using var node = call.Api.Settings is { } settings
            ? await LocalNode.StartAsync(settings, call.Cancellation) : null;
        var done = made;
        var waiting = WaitAsync();
        Func<string> line = () => $"Removed {Text(done.GetProperty("removed"))} so far";
        await (call.IsJson
            ? WorkDisplay.ShowAsideAsync(waiting, line)
            : WorkDisplay.ShowAsync(
                waiting, "Collecting garbage", [], bar => Draw(bar, ItemsOf(done.GetProperty("removed")), expected),
                line));
        await waiting;
        if (done.GetProperty("state").GetString() == CollectionStates.Failed)
            throw new ApiRefusalException($"the collection failed: {done.GetProperty("error").GetString()}");
        Console.WriteLine(call.IsJson ? done.GetRawText()
            : $"Removed {Entries(entries ?? 0)}{Text(done.GetProperty("removed"))}.");

        async Task WaitAsync()
        {
            while (done.GetProperty("state").GetString() is not (CollectionStates.Done or CollectionStates.Failed))
            {
                await Task.Delay(BetweenLooks, call.Cancellation);
                done = await call.Api.AskAsync("GET", $"garbage-collections/{id}", null, call.Cancellation);
            }
        }
    }

    /// <summary>Without an estimate, nobody knows how much there is.</summary>
    private static void Draw(ProgressTask bar, long removed, long expected)
    {
        bar.IsIndeterminate = expected == 0;
        if (expected == 0) return;
        bar.MaxValue = expected;
        bar.Value = Math.Min(removed, expected);
    }

    private static long ItemsOf(JsonElement report) =>
        Items.Sum(field => report.TryGetProperty(field, out var count) ? count.GetInt64() : 0);

    private static string Text(JsonElement report)
    {
        var (manifests, blobs) = (Count("manifests", "manifest"), Count("blobs", "blob"));
        var trashed = report.GetProperty("trashed").GetInt64();
        var entries = report.TryGetProperty("trashEntries", out var counted) ? Entries(counted.GetInt64()) : "";
        var bytes = VerifyCommand.Bytes(report.GetProperty("bytes").GetInt64());
        return $"{entries}{manifests} and {blobs}, which frees {bytes}"
            + (trashed > 0 ? $"; {Count("trashed", "manifest")} without tags to the trash" : "");

        string Count(string field, string word) => VerifyCommand.Count(report.GetProperty(field).GetInt64(), word);
    }

    private static string Entries(long count) => count == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture, $"{count:N0} {(count == 1 ? "entry" : "entries")} of the trash, ");
}
