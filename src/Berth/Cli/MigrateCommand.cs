using System.CommandLine;
using System.Data.Common;
using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>
/// <c>berth migrate</c>: brings the database's tables up to date, as <c>berth serve</c> does when it starts. With
/// <c>--check</c> it only reports what would be done, and exits with 0 if nothing, 1 if something, 2 if it can't tell.
/// </summary>
internal static class MigrateCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var check = new Option<bool>("--check") { Description = "Only report what would be done; change nothing." };
        var command = new Command(
            "migrate", "Bring the database's tables up to date, as `berth serve` does when it starts.")
        {
            config, check,
        };
        command.SetAction(async parsed =>
        {
            if (SettingsOption.Load(parsed.GetValue(config)) is not { } settings) return 2;
            try
            {
                return await RunAsync(settings, parsed.GetValue(check));
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or DbException or DatabaseUnavailableException)
            {
                await Console.Error.WriteLineAsync($"berth migrate: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(RegistrySettings settings, bool isCheck)
    {
        var path = DataFolder.DatabasePathOf(settings);
        var pending = await Database.FindPendingAsync(settings.Database, path, TimeProvider.System);
        var name = settings.Database.Host is null ? path : new PostgresSettings(settings.Database).Name;
        if (pending.Count == 0)
        {
            Console.WriteLine($"{name} is up to date, at migration {Migrations.Known[^1].Name}.");
            return 0;
        }

        var isNew = pending.Count == Migrations.Known.Count;
        var what = isNew ? "has no tables yet: it lacks" : "lacks";
        Console.WriteLine($"{name} {what} {pending.Count} of {Migrations.Known.Count} migrations:");
        foreach (var migration in pending)
            Console.WriteLine($"  {migration.Name}" + (isNew ? "" : $": {EffectOf(migration)}"));
        if (isCheck)
        {
            Console.WriteLine("Nothing was changed.");
            return 1;
        }

        if (settings.Database.Host is null && !Directory.Exists(Path.GetDirectoryName(path)))
            throw new DirectoryNotFoundException($"there is no folder for {path}; `berth serve` creates it");
        await using var database = await Database.OpenAsync(settings.Database, path, TimeProvider.System);
        Console.WriteLine("The database is now up to date.");
        return 0;
    }

    private static string EffectOf(Migration migration) => migration.Oldest == migration.Number
        ? "stop older nodes first: they can't use the new tables"
        : $"nodes that know migration {migration.Oldest} or later may keep running";
}
