using System.CommandLine;
using Berth.Hosting;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Cli;

/// <summary>
/// <c>berth adopt-store</c>: makes a store of blobs that of a database, for whoever means to use the two together
/// although their marks differ.
/// </summary>
internal static class AdoptStoreCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var newMark = ApiCommand.Switch(
            "--new-mark", "Give both a new mark, although they belong together: for a clone of a registry, which would "
            + "otherwise count as the same one where backups are kept.");
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be done.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var command = new Command(
            "adopt-store",
            "Mark the blobs in the settings' store as those of the settings' database, after one of them was restored "
            + "or moved. Another database that they belong to is refused from then on.")
        {
            config, newMark, dryRun, yes,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (SettingsOption.LoadQuietly(parsed.GetValue(config)) is not { } settings) return 2;
            try
            {
                await RunAsync(
                    settings, parsed.GetValue(newMark), parsed.GetValue(dryRun), parsed.GetValue(yes), cancellation);
                return 0;
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or SqliteException or NpgsqlException or DatabaseUnavailableException or StartException
                or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"berth adopt-store: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    private static async Task RunAsync(
        RegistrySettings settings, bool isNew, bool isDryRun, bool isSure, CancellationToken cancellation)
    {
        using var folder = DataFolder.IsNeeded(settings) ? DataFolder.HoldUsed(DataFolder.RootOf(settings)) : null;
        await using var database = await Database.OpenBesideAsync(
            settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
        using var opened = new SettingsStore(settings, mayCreate: !isDryRun);
        var store = opened.Blobs;
        var known = await database.ReadAsync(StoreMarkTable.FindAsync, cancellation);
        var found = await store.FindMarkAsync(cancellation);
        if (!isNew && known is { IsInStore: true } && known.Mark == found)
        {
            Console.WriteLine($"{store.Name} belongs to {database.Name} already.");
            return;
        }

        var blobs = await database.ReadAsync(
            session => session.NumberAsync("SELECT count(*) FROM blob"), cancellation);
        var from = found is null ? "which have no mark" : $"whose mark is {found}";
        var warning = $"This makes the blobs in {store.Name}, {from}, those of {database.Name}, which knows "
            + $"{VerifyCommand.Count(blobs ?? 0, "blob")}. Blobs that it does not know are removed in time as garbage.";
        if (isDryRun)
        {
            Console.WriteLine($"{warning} Nothing was changed.");
            return;
        }

        if (isSure) Console.WriteLine(warning);
        else await StandardInput.ConfirmAsync(warning, "--yes", cancellation);
        await new StoreIdentity(database, store, TimeProvider.System).AdoptAsync(isNew, cancellation);
        Console.WriteLine("They belong together now: start the server, and run `berth verify`.");
    }
}
