using System.CommandLine;
using Berth.Backups;
using Berth.Hosting;
using Berth.Metadata;

namespace Berth.Cli;

/// <summary>
/// <c>berth backup remove</c> and <c>berth backup adopt</c>: what changes a place for backups, besides backups.
/// </summary>
internal static class BackupPlaceCommands
{
    /// <summary>Removes one backup, also a damaged one, which no rule removes.</summary>
    public static Command CreateRemove()
    {
        var place = Place();
        var config = SettingsOption.Create();
        var at = new Option<string>("--at") { Description = "Which backup, by its name.", Required = true };
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell what would be removed.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var command = new Command(
            "remove", "Remove one backup, whole or damaged, and the blobs that no other backup needs.")
        {
            place, config, at, dryRun, yes,
        };
        BackupCommand.SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            await using var database = await Database.OpenBesideAsync(
                settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
            await using var opened = await BackupCommand.OpenAsync(
                BackupCommand.PlaceOf(parsed.GetValue(place), settings), settings, mayCreate: false, cancellation);
            var name = parsed.GetValue(at)!;
            var found = await opened.FindAsync(name, cancellation)
                ?? throw new InvalidDataException($"there is no backup {name} in {opened.Name}");
            var isLast = (await opened.FindAllAsync(cancellation)).TrueForAll(
                one => one.Name == name || one.Manifest is null);
            var text = found.Manifest is null ? $"backup {name}" : RestoreCommand.TextOf(found);
            var what = $"This removes {text} from {opened.Name}, for good."
                + (isLast ? " No other backup there can be restored." : "");
            if (parsed.GetValue(dryRun))
            {
                Console.WriteLine($"{what} Nothing was changed.");
                return 0;
            }

            if (parsed.GetValue(yes)) Console.WriteLine(what);
            else await StandardInput.ConfirmAsync(what, "--yes", cancellation);
            var removed = await new BackupRemoval(database, opened, TimeProvider.System).RunAsync(name, cancellation);
            Console.WriteLine(removed.Fault is { } fault
                ? $"Removed {name}. Its blobs are still there: {fault}."
                : $"Removed {name}: {VerifyCommand.Bytes(removed.FreedBytes)} freed.");
            return removed.Fault is null ? 0 : 1;
        });
        return command;
    }

    /// <summary>For a registry that was restored, or whose metadata were copied: it has another mark.</summary>
    public static Command CreateAdopt()
    {
        var place = Place();
        var config = SettingsOption.Create();
        var dryRun = ApiCommand.Switch("--dry-run", "Only tell whose backups these are.");
        var yes = ApiCommand.Switch("--yes", "Don't ask.");
        var command = new Command(
            "adopt", "Make a place for backups this registry's, which has taken the place of the one that made them. "
            + "From then on this one adds to them and removes old ones, and the other is refused.")
        {
            place, config, dryRun, yes,
        };
        BackupCommand.SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            await using var database = await Database.OpenBesideAsync(
                settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);
            await using var opened = await BackupCommand.OpenAsync(
                BackupCommand.PlaceOf(parsed.GetValue(place), settings), settings, mayCreate: false, cancellation);
            var mark = await BackupRun.MarkOfAsync(database, cancellation);
            var owner = await opened.FindOwnerAsync(cancellation);
            if (owner == mark)
            {
                Console.WriteLine($"The backups in {opened.Name} are those of {database.Name} already.");
                return 0;
            }

            var count = (await opened.FindAllAsync(cancellation)).Count;
            var what = $"This makes {opened.Name}, with {VerifyCommand.Count(count, "backup")} of the registry with "
                + $"the mark {owner ?? "(none)"}, that of {database.Name}, whose mark is {mark}. It then removes old "
                + "backups there as its settings say, and the other registry is refused.";
            if (parsed.GetValue(dryRun))
            {
                Console.WriteLine($"{what} Nothing was changed.");
                return 0;
            }

            if (parsed.GetValue(yes)) Console.WriteLine(what);
            else await StandardInput.ConfirmAsync(what, "--yes", cancellation);
            return await opened.RunAloneAsync(
                async stop =>
                {
                    await opened.OwnAsync(mark, stop);
                    return 0;
                },
                cancellation);
        });
        return command;
    }

    private static Argument<string?> Place() => new("PLACE")
    {
        Description =
            $"Where the backups lie: {BackupCommand.Forms}. Without it, storage.maintenance.backup.to.",
        Arity = ArgumentArity.ZeroOrOne,
    };
}
