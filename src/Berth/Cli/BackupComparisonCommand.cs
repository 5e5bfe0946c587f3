using System.CommandLine;
using Berth.Backups;
using Berth.Hosting;
using Berth.Metadata;

namespace Berth.Cli;

/// <summary>
/// <c>berth backup compare</c>: whether the registry has all of a backup. Exits with 0 if it has, 1 if not, and 2 if it
/// could not run.
/// </summary>
internal static class BackupComparisonCommand
{
    public static Command Create()
    {
        var place = new Argument<string?>("PLACE")
        {
            Description = $"Where the backups lie: {BackupCommand.Forms}.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var config = SettingsOption.Create();
        var at = ApiCommand.Text("--at", "Which backup, by its name; the newest without it.");
        var command = new Command(
            "compare", "See whether the registry has all tags, manifests and blobs of a backup.")
        {
            place, config, at,
        };
        BackupCommand.SetAction(command, config, async (parsed, settings, cancellation) =>
        {
            await using var opened = await BackupCommand.OpenAsync(
                BackupCommand.PlaceOf(parsed.GetValue(place), settings), settings, mayCreate: false, cancellation);
            var backup = await RestoreCommand.ChooseAsync(opened, parsed.GetValue(at), cancellation);
            var path = DataFolder.DatabasePathOf(settings);
            await using var database = await Database.OpenBesideAsync(
                BackupCommand.Patient(settings.Database), path, TimeProvider.System);
            using var store = new SettingsStore(settings);
            var comparison = new BackupComparison(
                opened, backup.Manifest!, database, store.Blobs, BackupCommand.WorkFolderOf(settings));
            var work = Task.Run(() => comparison.RunAsync(cancellation), cancellation);
            await BackupCommand.ShowAsync(work, comparison.Progress);
            var count = await work;
            foreach (var difference in comparison.Differences) Console.WriteLine(difference);
            Console.WriteLine(count == 0
                ? $"{database.Name} has all of {RestoreCommand.TextOf(backup)}."
                : $"{VerifyCommand.Count(count, "difference")} from {RestoreCommand.TextOf(backup)}.");
            return count == 0 ? 0 : 1;
        });
        return command;
    }
}
