using System.CommandLine;
using System.Globalization;
using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Cli;

/// <summary><c>berth jobs list</c>: what is waiting, running and finished. Works beside a running server.</summary>
internal static class JobsCommand
{
    private const string TimeFormat = "yyyy-MM-dd HH:mm:ss 'UTC'";

    public static Command Create()
    {
        var config = SettingsOption.Create();
        var failed = new Option<bool>("--failed") { Description = "Only those that failed." };
        var limit = new Option<int>("--limit")
        {
            Description = "The most entries of each list.",
            DefaultValueFactory = _ => 50,
        };
        limit.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && !(int.TryParse(given.Value, out var entries) && entries > 0))
                result.AddError($"--limit must be a number above 0, not '{given.Value}'.");
        });
        var list = new Command("list", "List waiting and running jobs, and how the last ones ended.")
        {
            config, failed, limit,
        };
        list.SetAction(async (parsed, cancellation) =>
        {
            if (SettingsOption.Load(parsed.GetValue(config)) is not { } settings) return 2;
            try
            {
                await ListAsync(settings, parsed.GetValue(failed), parsed.GetValue(limit), cancellation);
                return 0;
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or SqliteException or NpgsqlException or DatabaseUnavailableException or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"berth jobs list: {e.Message}");
                return 2;
            }
        });
        return new Command("jobs", "Background jobs of the registry.") { list };
    }

    private static async Task ListAsync(
        RegistrySettings settings, bool failedOnly, int limit, CancellationToken cancellation)
    {
        await using var database = await Database.OpenBesideAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        var history = new JobHistory(database);
        var queued = await history.QueuedAsync(failedOnly, limit, cancellation);
        var ended = await history.EndedAsync(failedOnly, limit, cancellation);
        if (queued.Count + ended.Count == 0)
        {
            Console.WriteLine(failedOnly ? "No job has failed." : "There are no jobs.");
        }
        else
        {
            Table.Print(
                ["STATE", "WHEN", "JOB", "TOOK", "NODE", "DETAIL"],
                [.. queued.Select(RowOf), .. ended.Select(RowOf)]);
        }
    }

    /// <summary>One that waits is shown with when it is due.</summary>
    private static string[] RowOf(QueuedJob job) =>
    [
        job.Node is null ? "waiting" : "running", job.Node is null ? Write(job.Due) : "", job.Kind, "", job.Node ?? "",
        job.Error is null ? "" : $"failed {job.Failures} times, last: {job.Error}",
    ];

    private static string[] RowOf(EndedJob job) =>
    [
        job.Outcome, Write(job.Ended), job.Kind,
        string.Create(CultureInfo.InvariantCulture, $"{(job.Ended - job.Started).TotalSeconds:F1} s"), job.Node,
        job.Error is null ? "" : $"attempt {job.Attempt}: {job.Error}",
    ];

    private static string Write(DateTimeOffset time) => time.ToString(TimeFormat, CultureInfo.InvariantCulture);
}
