using System.CommandLine;
using Berth.Backups;
using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>
/// <c>berth restore</c>: brings a registry back from a backup. Exits with 0 if all of it is there, 1 if something was
/// skipped, and 2 if nothing was restored.
/// </summary>
internal static class RestoreCommand
{
    public static Command Create()
    {
        var place = ApiCommand.Argument("PLACE", $"Where the backups lie: {BackupCommand.Forms}.");
        var config = SettingsOption.Create();
        var at = ApiCommand.Text("--at", "Which backup, by its name; the newest without it.");
        var skips = ApiCommand.Switch("--skip-damaged", "Restore what is whole of a damaged backup.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be restored, and check that it is there.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var command = new Command(
            "restore", "Restore a backup into the empty database and the empty store in the settings, SQLite or "
            + "PostgreSQL, folder or bucket, and prove that both are the same. Servers must be stopped.")
        {
            place, config, at, skips, dryRun, yes,
        };
        BackupCommand.SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            await using var opened = await BackupCommand.OpenAsync(
                parsed.GetValue(place)!, settings, mayCreate: false, cancellation);
            var backup = await ChooseAsync(opened, parsed.GetValue(at), cancellation);
            return parsed.GetValue(dryRun)
                ? await CheckAsync(opened, backup, settings, cancellation)
                : await RunAsync(
                    opened, backup, settings, parsed.GetValue(skips), parsed.GetValue(yes), cancellation);
        });
        return command;
    }

    /// <summary>The backup of this name, or the newest, if it can be used.</summary>
    /// <exception cref="InvalidDataException">It can't.</exception>
    public static async Task<FoundBackup> ChooseAsync(
        BackupPlace place, string? name, CancellationToken cancellation)
    {
        var backup = name is not null
            ? await place.FindAsync(name, cancellation)
                ?? throw new InvalidDataException($"there is no backup {name} in {place.Name}")
            : (await place.FindAllAsync(cancellation)).FirstOrDefault()
                ?? throw new InvalidDataException($"there is no backup in {place.Name}: none was completed");
        if (backup.Manifest is not { } manifest)
        {
            throw new InvalidDataException(
                $"backup {backup.Name} can't be used: {backup.Fault}. Choose another with --at");
        }

        if (manifest.Migration > Migrations.Known[^1].Number)
        {
            throw new InvalidDataException(
                $"backup {backup.Name} was made by Berth {manifest.Berth}, with newer tables than this one knows: run "
                + "that version, or a later one");
        }

        return backup;
    }

    private static string TargetOf(RegistrySettings settings) => (settings.Database.Host is null
        ? DataFolder.DatabasePathOf(settings) : new PostgresSettings(settings.Database).Name)
        + " and " + (settings.Storage.S3?.ToString() ?? settings.Storage.Azure?.ToString()
            ?? Path.GetFullPath(settings.Storage.Filesystem.RootDirectory));

    public static string TextOf(FoundBackup backup) =>
        $"backup {backup.Name}: {VerifyCommand.Count(backup.Manifest!.Tags, "tag")}, "
        + $"{VerifyCommand.Count(backup.Manifest.Manifests, "manifest")} and "
        + $"{VerifyCommand.Count(backup.Manifest.Blobs, "blob")} ({VerifyCommand.Bytes(backup.Manifest.Bytes)})";

    private static async Task<int> CheckAsync(
        BackupPlace place, FoundBackup backup, RegistrySettings settings, CancellationToken cancellation)
    {
        var pending = await Database.FindPendingAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        if (pending.Count < Migrations.Known.Count)
        {
            await using var database = await Database.OpenBesideAsync(
                settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
            await BackupRestore.RequireEmptyAsync(database, cancellation);
        }

        var check = new BackupCheck(place, isQuick: true, mayChange: false);
        var work = check.RunAsync([backup.Name], cancellation);
        await BackupCommand.ShowAsync(work, check.Progress);
        var faults = (await work).SelectMany(one => one.Faults).ToList();
        foreach (var fault in faults) Console.WriteLine(fault);
        Console.WriteLine($"This would restore {TextOf(backup)} into {TargetOf(settings)}. Nothing was changed.");
        return faults.Count == 0 ? 0 : 1;
    }

    private static async Task<int> RunAsync(
        BackupPlace place, FoundBackup backup, RegistrySettings settings, bool skipsDamaged, bool isSure,
        CancellationToken cancellation)
    {
        var what = $"This restores {TextOf(backup)} into {TargetOf(settings)}.";
        if (isSure) Console.WriteLine(what);
        else await StandardInput.ConfirmAsync(what, "--yes", cancellation);
        using var folder = DataFolder.Open(settings);
        var path = DataFolder.DatabasePathOf(settings);
        await using var database = await Database.OpenAsync(
            BackupCommand.Patient(settings.Database), path, TimeProvider.System);
        using var store = new SettingsStore(settings);
        var restore = new BackupRestore(
            place, backup.Manifest!, database, store.Blobs, BackupCommand.WorkFolderOf(settings), TimeProvider.System);
        var work = Task.Run(() => restore.RunAsync(skipsDamaged, cancellation), cancellation);
        await BackupCommand.ShowAsync(work, restore.Progress);
        var restored = await work;
        foreach (var lost in restored.Lost) Console.WriteLine($"Not restored: {lost}");
        Console.WriteLine(
            $"Restored {TextOf(backup)}. All {restored.Tables.Sum(table => table.Target.Rows):N0} rows of the metadata "
            + "are the same on both sides, and each blob has its digest.");
        if (restored.LostCount == 0) return 0;
        Console.WriteLine(
            $"{VerifyCommand.Count(restored.LostCount, "blob")} of the backup were damaged: `berth verify` shows what "
            + "is incomplete.");
        return 1;
    }
}
