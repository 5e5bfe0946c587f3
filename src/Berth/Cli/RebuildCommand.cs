using System.CommandLine;
using Berth.Hosting;
using Berth.Journal;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>
/// <c>berth rebuild</c>: brings images back from the blobs and the journal beside them, after the database was lost.
/// Exits with 0 if all of them are whole, 1 if something is missing, and 2 if it could not run.
/// </summary>
internal static class RebuildCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be rebuilt, and what is missing.");
        var forget = ApiCommand.Switch(
            "--forget", "Instead, go on with the database as it is, and remove what the journal has.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var command = new Command(
            "rebuild", "Rebuild repositories, manifests, tags and their history from the store's blobs and the journal "
            + "beside them, after the database was lost, or an older one was restored. Accounts, rights and settings "
            + "made over the API come from backups only; what is rebuilt is private. Servers must be stopped.")
        {
            config, forget, dryRun, yes,
        };
        BackupCommand.SetAction(command, config, (parsed, settings, cancellation) => parsed.GetValue(forget)
            ? ForgetAsync(settings, parsed.GetValue(dryRun), parsed.GetValue(yes), cancellation)
            : RunAsync(settings, parsed.GetValue(dryRun), parsed.GetValue(yes), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(
        RegistrySettings settings, bool isDryRun, bool isSure, CancellationToken cancellation)
    {
        using var folder = isDryRun ? null : DataFolder.Open(settings);
        using var store = new SettingsStore(settings, mayCreate: !isDryRun);
        using var replay = JournalReplay.Create(isDryRun ? Path.GetTempPath() : BackupCommand.WorkFolderOf(settings));
        var rebuild = new IndexRebuild(store.Blobs, replay, settings.Limits, TimeProvider.System);
        await ShowAsync(Task.Run(() => rebuild.ReadAsync(cancellation), cancellation), rebuild.Progress);
        var manifests = await replay.CountAsync("manifest");
        if (manifests == 0)
        {
            throw new InvalidDataException(
                $"there is no journal in {store.Blobs.Name}, or it is empty: nothing can be rebuilt from it");
        }

        var what = $"{RepositoriesText(await replay.CountRepositoriesAsync())}, "
            + $"{VerifyCommand.Count(manifests, "manifest")} and "
            + VerifyCommand.Count(await replay.CountAsync("tag"), "tag");
        foreach (var fault in rebuild.Faults) Console.WriteLine(fault);
        if (isDryRun)
        {
            Console.WriteLine($"The journal has {what}. Nothing was changed.");
            return rebuild.FaultCount == 0 ? 0 : 1;
        }

        var warning = $"This writes {what} into {NameOf(settings)}, where they are missing.";
        if (isSure) Console.WriteLine(warning);
        else await StandardInput.ConfirmAsync(warning, "--yes", cancellation);
        return await ApplyAsync(rebuild, settings, cancellation);
    }

    private static async Task<int> ApplyAsync(
        IndexRebuild rebuild, RegistrySettings settings, CancellationToken cancellation)
    {
        await using var database = await Database.OpenAsync(
            BackupCommand.Patient(settings.Database), DataFolder.DatabasePathOf(settings), TimeProvider.System);
        var printed = rebuild.Faults.Count;
        var work = Task.Run(() => rebuild.ApplyAsync(database, cancellation), cancellation);
        await ShowAsync(work, rebuild.Progress);
        var report = await work;
        foreach (var fault in rebuild.Faults.Skip(printed)) Console.WriteLine(fault);
        Console.WriteLine(
            $"Rebuilt {VerifyCommand.Count(report.Manifests, "manifest")}, {VerifyCommand.Count(report.Tags, "tag")} "
            + $"and {VerifyCommand.Count(report.Moves, "move")} of tags. Run `berth verify`, and start the server.");
        if (rebuild.FaultCount == 0) return 0;
        Console.WriteLine(
            $"{rebuild.FaultCount:N0} things are missing or damaged. A push, or a backup, brings them back. Blobs that "
            + "no image needs now are removed once the collector has looked for such "
            + "(storage.maintenance.gc.orphaninterval), and after its grace period.");
        return 1;
    }

    /// <summary>The server's next start writes a new journal.</summary>
    private static async Task<int> ForgetAsync(
        RegistrySettings settings, bool isDryRun, bool isSure, CancellationToken cancellation)
    {
        using var data = isDryRun ? null : DataFolder.Open(settings);
        using var store = new SettingsStore(settings);
        var folder = new JournalFolder(store.Blobs.Files);
        var files = await folder.ListAsync(cancellation);
        if (files.Count == 0) throw new InvalidDataException($"there is no journal in {store.Blobs.Name}");
        var warning = $"This removes the journal in {store.Blobs.Name} ({VerifyCommand.Count(files.Count, "file")}). "
            + $"What only it has, and {NameOf(settings)} has not, can't be rebuilt any more.";
        if (isDryRun)
        {
            Console.WriteLine($"{warning} Nothing was changed.");
            return 0;
        }

        if (isSure) Console.WriteLine(warning);
        else await StandardInput.ConfirmAsync(warning, "--yes", cancellation);
        await using var database = await Database.OpenBesideAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        var mark = await store.Blobs.FindMarkAsync(cancellation);
        await database.UseAloneAsync(
            async session =>
            {
                if ((await StoreMarkTable.FindAsync(session))?.Expected != mark)
                    throw new InvalidDataException($"{database.Name} belongs to other blobs than {store.Blobs.Name}");

                // A database that is not caught up yet writes nothing after what is left, should this be cut off.
                foreach (var file in files) await folder.DeleteAsync(file, cancellation);
                await JournalTable.CatchUpAsync(session, files[^1].Number);
            },
            cancellation);
        Console.WriteLine("Removed. Start the server, which writes a new one.");
        return 0;
    }

    private static string RepositoriesText(long count) => count == 1 ? "1 repository" : $"{count:N0} repositories";

    private static string NameOf(RegistrySettings settings) => settings.Database.Host is null
        ? DataFolder.DatabasePathOf(settings) : new PostgresSettings(settings.Database).Name;

    private static Task ShowAsync(Task work, RebuildProgress progress) => WorkDisplay.ShowAsync(
        work, progress.Step, [],
        bar =>
        {
            bar.MaxValue = progress.ToDo;
            bar.Value = Math.Min(progress.Done, bar.MaxValue);
            bar.Description = progress.Step;
        },
        () => $"{progress.Step}: {progress.Done:N0} of {progress.ToDo:N0}");
}
