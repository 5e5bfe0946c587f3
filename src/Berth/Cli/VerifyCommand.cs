using System.CommandLine;
using Berth.Blobs;
using Berth.Disk;
using Berth.Hosting;
using Berth.Journal;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Spectre.Console;

namespace Berth.Cli;

/// <summary>
/// <c>berth verify</c>: reads everything stored. Exits with 0 if all is well, 1 if anything is wrong, and 2 if it could
/// not run.
/// </summary>
internal static class VerifyCommand
{
    private const string NewJournal =
        "while the database is whole, `berth rebuild --forget` makes the server write a new journal";

    public static Command Create()
    {
        var config = SettingsOption.Create();
        var dryRun = new Option<bool>("--dry-run") { Description = "Only report; leave altered blobs where they are." };
        var command = new Command(
            "verify", "Read everything stored and report what is altered or missing. Works beside a running server.")
        {
            config, dryRun,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (SettingsOption.Load(parsed.GetValue(config)) is not { } settings) return 2;
            try
            {
                return await RunAsync(settings, parsed.GetValue(dryRun), cancellation);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or SqliteException or NpgsqlException or DatabaseUnavailableException or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"berth verify: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(RegistrySettings settings, bool isDryRun, CancellationToken cancellation)
    {
        // The database first: if there is none, no store is created either.
        await using var database = await Database.OpenBesideAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        IBlobStore? remote = ObjectBlobStore.Open(
            settings.Storage, TimeProvider.System, NullLogger<ObjectBlobStore>.Instance);
        var store = remote ?? new FileBlobStore(Path.GetFullPath(settings.Storage.Filesystem.RootDirectory));
        await new StoreIdentity(database, store, TimeProvider.System).RequireAsync(mayWrite: false, cancellation);
        isDryRun |= remote is null && !PathAccess.IsWritable(store.Name);
        var verification = new Verification(
            database, store, settings.Validation, TimeProvider.System, isDryRun);
        Console.WriteLine($"Verifying {store.Name}");
        foreach (var log in DroppedLog.Kept(DataFolder.DatabasePathOf(settings)))
        {
            verification.Report.AddFault(
                $"the database lost committed changes at startup, because its write-ahead log was damaged: {log} is "
                + "a copy of it; push again what is missing, then delete the copy");
        }

        var journal = new JournalCheck(
            new JournalFolder(store.Files), fault => verification.Report.AddFault($"{fault}; {NewJournal}"));
        var work = Task.Run(
            async () =>
            {
                await verification.RunAsync(cancellation);
                await journal.RunAsync(cancellation);
            },
            cancellation);
        await ShowAsync(work, verification.Report);
        await work;
        PrintFaults(verification.Report, Console.WriteLine);
        PrintSummary(verification.Report, journal.FilesRead, isDryRun);
        await PrintScrubAsync(database, cancellation);
        return verification.Report.FaultsFound == 0 ? 0 : 1;
    }

    private static Task ShowAsync(Task work, VerificationReport report) => WorkDisplay.ShowAsync(
        work, "Blobs", [new DownloadedColumn(), new TransferSpeedColumn()],
        bar =>
        {
            bar.MaxValue = Math.Max(1, report.TotalBytes);
            bar.Value = Math.Min(report.BytesRead, bar.MaxValue);
            if (report.ManifestsRead > 0) bar.Description = $"Manifests {report.ManifestsRead:N0}";
        },
        () => $"{Bytes(report.BytesRead)} of {Bytes(report.TotalBytes)} read, "
            + $"{report.ManifestsRead:N0} manifests checked",
        isColoured => PrintFaults(
            report,
            isColoured ? text => AnsiConsole.MarkupLineInterpolated($"[red]{text}[/]") : Console.WriteLine));

    private static void PrintFaults(VerificationReport report, Action<string> print)
    {
        while (report.TryTakeFault(out var text)) print(text!);
    }

    private static void PrintSummary(VerificationReport report, int journalFiles, bool isDryRun)
    {
        Console.WriteLine(
            $"Read {Count(report.BlobsRead, "blob")} ({Bytes(report.BytesRead)}), "
            + $"{Count(report.ManifestsRead, "manifest")} and {Count(journalFiles, "file")} of the journal.");
        if (report.UnlinkedFiles > 0)
        {
            Console.WriteLine($"{Count(report.UnlinkedFiles, "file")} ({Bytes(report.UnlinkedBytes)}) that no "
                + "repository links: harmless; garbage collection removes them in time.");
        }

        if (report.UnfinishedLinks > 0)
        {
            Console.WriteLine($"{Count(report.UnfinishedLinks, "blob")} missing from interrupted pushes: "
                + "no manifest needs them.");
        }

        if (report.QuarantineFiles > 0)
        {
            var (are, them) = report.QuarantineFiles == 1 ? ("is", "it") : ("are", "them");
            Console.WriteLine($"{Count(report.QuarantineFiles, "file")} {are} in quarantine: "
                + $"delete {them} once the images work again.");
        }

        var unchanged = isDryRun ? "; nothing was changed" : "";
        Console.WriteLine(report.FaultsFound == 0
            ? "Everything is as it was pushed."
            : $"Found {Count(report.FaultsFound, "fault")}{unchanged}.");
    }

    private static async Task PrintScrubAsync(Database database, CancellationToken cancellation)
    {
        var (pass, (found, open)) = await database.ReadAsync(
            async session => (await ScrubTable.FindAsync(session), await ScrubTable.CountAsync(session)), cancellation);
        if (pass is null) return;
        var last = (pass.EndedAt ?? pass.LastEndedAt) is { } ended
            ? $"; the last whole pass ended at {ApiCall.Write(ended)}" : "";
        Console.WriteLine(
            $"In the background, {pass.Blobs:N0} of {Count(pass.TotalBlobs, "blob")} ({Bytes(pass.Bytes)} of "
            + $"{Bytes(pass.TotalBytes)}) were read since {ApiCall.Write(pass.BeganAt)}{last}. Found damaged or "
            + $"missing: {found:N0}, of which {open:N0} {(open == 1 ? "is" : "are")} not whole again.");
    }

    public static string Count(long count, string noun) => $"{count:N0} {noun}{(count == 1 ? "" : "s")}";

    public static string Bytes(long count) => count switch
    {
        < 10 << 10 => $"{count:N0} bytes",
        < 10 << 20 => $"{count >> 10:N0} KiB",
        < 10L << 30 => $"{count >> 20:N0} MiB",
        _ => $"{count >> 30:N0} GiB",
    };
}
