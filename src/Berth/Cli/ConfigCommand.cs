using System.CommandLine;
using Berth.Access;
using Berth.Settings;

namespace Berth.Cli;

/// <summary><c>berth config check</c>: says what is wrong with the settings, and exits with 1 if anything is.</summary>
internal static class ConfigCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var check = new Command("check", "Check the settings and list every fault with its file and line.") { config };
        check.SetAction(parsed =>
        {
            if (SettingsOption.Load(parsed.GetValue(config)) is not { } settings) return 1;
            var faults = HtpasswdFile.Check(settings.Auth).ToList();
            foreach (var fault in faults) Console.Error.WriteLine(fault);
            if (faults.Any(fault => fault.Severity == Severity.Error)) return 1;
            var place = settings.Storage.S3?.ToString() ?? Path.GetFullPath(settings.Storage.Filesystem.RootDirectory);
            Console.WriteLine($"The settings are fine: {settings.Http.Addr}, data in {place}");
            return 0;
        });
        return new Command("config", "Work with the settings.") { check };
    }
}
