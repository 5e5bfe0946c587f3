using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Berth.Backups;
using Berth.Blobs;
using Berth.Hosting;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Spectre.Console;

namespace Berth.Cli;

/// <summary>
/// <c>berth backup</c>: makes a backup beside a running server, lists backups and checks them. Exits with 0 if all is
/// well, 1 if something is damaged, and 2 if it could not run.
/// </summary>
internal static class BackupCommand
{
    /// <summary>A large table is counted and sorted in one statement.</summary>
    private static readonly TimeSpan LongestStatement = TimeSpan.FromHours(1);

    public const string Forms = "a folder, s3://bucket/prefix or azure://account/container/prefix";

    public static Command Create()
    {
        var place = new Argument<string?>("PLACE")
        {
            Description = $"Where backups lie: {Forms}. Without it, storage.maintenance.backup.to.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var config = SettingsOption.Create();
        var keep = new Option<int?>("--keep") { Description = "Remove all but the latest so many." };
        keep.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && !(int.TryParse(given.Value, out var count) && count > 0))
                result.AddError($"--keep must be a number above 0, not '{given.Value}'.");
        });
        var keepFor = ApiCommand.Text("--keep-for", "Remove those that are older, such as 30d; never the newest.");
        var consent = new Consent();
        var command = new Command(
            "backup", "Back up metadata and blobs beside a running server. What lies there from earlier backups is "
            + "not copied again. Backups hold password hashes and keys: keep others from reading them.")
        {
            place, config, keep, keepFor, consent.DryRun, consent.Yes, CreateList(), CreateVerify(),
            BackupComparisonCommand.Create(), BackupPlaceCommands.CreateRemove(), BackupPlaceCommands.CreateAdopt(),
        };
        SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            var to = PlaceOf(parsed.GetValue(place), settings);
            var kept = KeepOf(parsed.GetValue(keep), parsed.GetValue(keepFor));
            var isDryRun = parsed.GetValue(consent.DryRun);
            if (!isDryRun && (kept is null || parsed.GetValue(consent.Yes)))
                return await RunAsync(settings, to, kept, cancellation);

            var going = await FindGoingAsync(settings, to, kept, cancellation);
            if (!isDryRun && going.Count > 0 && Console.IsInputRedirected)
                return await RunWithoutRemovalAsync(settings, to, going, cancellation);
            if ((isDryRun || going.Count > 0)
                && !await consent.AskAsync(parsed, "back", Tell(to, going), cancellation))
            {
                return 0;
            }

            return await RunAsync(settings, to, kept, cancellation);
        });
        return command;
    }

    /// <summary>The backups that go once another one is made.</summary>
    private static async Task<IReadOnlyList<string>> FindGoingAsync(
        RegistrySettings settings, string place, KeptBackups? keep, CancellationToken cancellation)
    {
        try
        {
            await using var opened = await OpenAsync(place, settings, mayCreate: false, cancellation);
            return keep is null ? []
                : await new BackupRetention(opened, TimeProvider.System).FindGoingAsync(keep, cancellation);
        }
        catch (NoBackupsException)
        {
            // The first one makes the place.
            return [];
        }
    }

    /// <summary>What a backup does, and which others go then.</summary>
    private static string Tell(string place, IReadOnlyList<string> going) =>
        $"up the registry to {BackupPlace.NameOf(place)}"
        + (going.Count > 0 ? $". After that, {string.Join(", ", going)} there will be gone for good." : ".");

    /// <summary>
    /// Nobody can be asked whether old backups may go, as in a scheduled command. That is no reason to have no new one.
    /// </summary>
    private static async Task<int> RunWithoutRemovalAsync(
        RegistrySettings settings, string place, IReadOnlyList<string> going, CancellationToken cancellation)
    {
        await RunAsync(settings, place, keep: null, cancellation);
        await Console.Error.WriteLineAsync(
            $"berth backup: nothing was removed. {string.Join(", ", going)} would be gone for good, and nobody can be "
            + "asked: add --yes");
        return 2;
    }

    /// <summary>Where backups lie, if the command line does not say.</summary>
    /// <exception cref="InvalidDataException">The settings don't either.</exception>
    public static string PlaceOf(string? given, RegistrySettings settings) =>
        given ?? settings.Storage.Maintenance.Backup.To
        ?? throw new InvalidDataException($"say where the backups lie: {Forms}");

    /// <summary>Opens the registry's database, with time for large tables.</summary>
    public static DatabaseSettings Patient(DatabaseSettings settings) =>
        settings with { QueryTimeout = LongestStatement };

    /// <summary>Where there is room for the metadata of a backup.</summary>
    public static string WorkFolderOf(RegistrySettings settings) => settings.Database.Host is null
        ? Path.GetDirectoryName(Path.GetFullPath(DataFolder.DatabasePathOf(settings)))! : Path.GetTempPath();

    public static Task<BackupPlace> OpenAsync(
        string place, RegistrySettings settings, bool mayCreate, CancellationToken cancellation)
    {
        AbandonedWork.Remove(WorkFolderOf(settings), TimeProvider.System);
        return BackupPlace.OpenAsync(
            place, settings.Storage, mayCreate, NullLogger<ObjectBlobStore>.Instance, cancellation);
    }

    /// <summary>Runs a command, and tells why it could not run.</summary>
    public static void SetAction(
        Command command, Option<string?> config,
        Func<ParseResult, RegistrySettings, CancellationToken, Task<int>> run) =>
        command.SetAction(async (parsed, cancellation) =>
        {
            if (SettingsOption.LoadQuietly(parsed.GetValue(config)) is not { } settings) return 2;
            try
            {
                return await run(parsed, settings, cancellation);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or SqliteException or NpgsqlException or DatabaseUnavailableException or DatabaseInUseException
                or StartException or OperationCanceledException)
            {
                var group = parsed.CommandResult.Parent is CommandResult { Parent: not null } parent
                    ? parent.Command.Name + " " : "";
                await Console.Error.WriteLineAsync($"berth {group}{command.Name}: {e.Message}");
                return 2;
            }
        });

    public static Task ShowAsync(Task work, BackupProgress progress) => WorkDisplay.ShowAsync(
        work, progress.Step, [new DownloadedColumn(), new TransferSpeedColumn()],
        bar =>
        {
            bar.MaxValue = progress.BytesToDo;
            bar.Value = Math.Min(progress.BytesDone, bar.MaxValue);
            bar.Description = progress.Step;
        },
        () => $"{progress.Step}: {VerifyCommand.Bytes(progress.BytesDone)} of "
            + VerifyCommand.Bytes(progress.BytesToDo));

    private static Command CreateList()
    {
        var place = new Argument<string?>("PLACE") { Description = Forms, Arity = ArgumentArity.ZeroOrOne };
        var config = SettingsOption.Create();
        var command = new Command("list", "List the backups of a place, the newest first.") { place, config };
        SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            await using var opened = await OpenAsync(
                PlaceOf(parsed.GetValue(place), settings), settings, mayCreate: false, cancellation);
            var found = await opened.FindAllAsync(cancellation);
            Table.Print(
                ["BACKUP", "TAGS", "MANIFESTS", "BLOBS", "SIZE", "NEW", "STATE"], [.. found.Select(RowOf)]);
            return found.TrueForAll(one => one.Manifest is not null) ? 0 : 1;
        });
        return command;
    }

    private static Command CreateVerify()
    {
        var place = new Argument<string?>("PLACE") { Description = Forms, Arity = ArgumentArity.ZeroOrOne };
        var config = SettingsOption.Create();
        var at = ApiCommand.Text("--at", "Only this backup, by its name.");
        var quick = ApiCommand.Switch("--quick", "Only see whether everything is there and as long as it should be.");
        var dryRun = ApiCommand.Switch(
            "--dry-run", "Leave altered blobs where they are, instead of moving them aside for the next backup.");
        var command = new Command("verify", "Read backups again, and compare them with their digests.")
        {
            place, config, at, quick, dryRun,
        };
        SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            await using var opened = await OpenAsync(
                PlaceOf(parsed.GetValue(place), settings), settings, mayCreate: false, cancellation);
            var name = parsed.GetValue(at);
            if (name is not null && await opened.FindAsync(name, cancellation) is null)
                throw new InvalidDataException($"there is no backup {name} in {opened.Name}");
            var check = new BackupCheck(opened, parsed.GetValue(quick), mayChange: !parsed.GetValue(dryRun));
            var work = check.RunAsync(name is null ? null : [name], cancellation);
            await ShowAsync(work, check.Progress);
            return Print(await work);
        });
        return command;
    }

    private static int Print(List<CheckedBackup> backups)
    {
        if (backups.Count == 0) throw new InvalidDataException("there are no backups: none was completed");
        foreach (var backup in backups)
        {
            Console.WriteLine($"{backup.Name}  {(backup.IsWhole ? "whole" : "DAMAGED")}{Lack(backup.Manifest)}");
            foreach (var fault in backup.Faults) Console.WriteLine($"  {fault}");
            foreach (var lacking in backup.Manifest?.Lacking ?? []) Console.WriteLine($"  lacks {lacking}");
        }

        return backups.TrueForAll(backup => backup.IsWhole) ? 0 : 1;
    }

    private static string Lack(BackupManifest? manifest) => manifest is not { Missing: > 0 } ? ""
        : $" ({VerifyCommand.Count(manifest.Missing, "blob")} that the registry had lost)";

    private static string[] RowOf(FoundBackup backup) => backup.Manifest is { } manifest
        ?
        [
            backup.Name, Number(manifest.Tags), Number(manifest.Manifests), Number(manifest.Blobs),
            VerifyCommand.Bytes(manifest.Bytes), VerifyCommand.Bytes(manifest.NewBytes),
            "complete" + Lack(manifest),
        ]
        : [backup.Name, "", "", "", "", "", $"DAMAGED: {backup.Fault}"];

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static KeptBackups? KeepOf(int? count, string? age) => count is null && age is null
        ? null : new KeptBackups(count, age is null ? null : ApiCall.DurationOf(age));

    private static async Task<int> RunAsync(
        RegistrySettings settings, string name, KeptBackups? keep, CancellationToken cancellation)
    {
        await using var database = await Database.OpenBesideAsync(
            Patient(settings.Database), DataFolder.DatabasePathOf(settings), TimeProvider.System);
        using var store = new SettingsStore(settings);
        await new StoreIdentity(database, store.Blobs, TimeProvider.System).RequireAsync(false, cancellation);
        await using var place = await OpenAsync(name, settings, mayCreate: true, cancellation);
        Console.WriteLine($"Backing up {database.Name} and {store.Blobs.Name} to {place.Name}");
        var run = new BackupRun(database, database, store.Blobs, place, TimeProvider.System);
        var work = Task.Run(() => run.RunAsync(keep, row: null, cancellation), cancellation);
        await ShowAsync(work, run.Progress);
        var made = await work;
        var manifest = made.Manifest;
        Console.WriteLine(
            $"Backup {made.Backup.Name}: {VerifyCommand.Count(manifest.Tags, "tag")}, "
            + $"{VerifyCommand.Count(manifest.Manifests, "manifest")} and "
            + $"{VerifyCommand.Count(manifest.Blobs, "blob")} ({VerifyCommand.Bytes(manifest.Bytes)}), of which "
            + $"{manifest.NewBlobs:N0} ({VerifyCommand.Bytes(manifest.NewBytes)}) are new.");
        if (made.Removed.Count > 0)
        {
            Console.WriteLine(
                $"Removed {string.Join(", ", made.Removed)}: {VerifyCommand.Bytes(made.FreedBytes)} freed.");
        }

        if (made.RemovalFault is { } fault)
        {
            await Console.Error.WriteLineAsync($"berth backup: old backups were not removed: {fault}");
            return 2;
        }

        foreach (var missing in run.Missing) Console.WriteLine($"Not in the backup: {missing}");
        if (manifest.Missing == 0) return 0;
        Console.WriteLine(
            $"The registry has lost {VerifyCommand.Count(manifest.Missing, "blob")} that manifests need: see "
            + "`berth verify`. Everything else is in the backup.");
        return 1;
    }
}
