using System.CommandLine;
using Berth.Access;
using Berth.Hosting;
using Berth.Identity;
using Berth.Settings;

namespace Berth.Cli;

/// <summary><c>berth config check</c>: says what is wrong with the settings, and exits with 1 if anything is.</summary>
internal static class ConfigCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var account = new Option<string?>("--as")
        {
            Description = "Check as this user (name or number) whether that user can read every file in the settings. "
                + "For root only.",
        };
        var check = new Command("check", "Check the settings and list every fault with its file and line.")
        {
            config, account,
        };
        check.SetAction(parsed => Check(parsed.GetValue(config), parsed.GetValue(account)));
        return new Command("config", "Work with the settings.") { check };
    }

    private static int Check(string? config, string? account)
    {
        if (account is not null && OtherUser.Become(account) is { } problem) return Fail($"berth: {problem}");
        if (SettingsOption.Load(config) is not { } settings) return 1;
        var faults = HtpasswdFile.Check(settings.Auth)
            .Concat(KeylessTokens.Check(settings.Auth))
            .Concat(TrustedTokens.Check(settings.Auth))
            .ToList();
        foreach (var fault in faults) Console.Error.WriteLine(fault);
        if (faults.Any(fault => fault.Severity == Severity.Error)) return 1;
        if (account is not null && DataFolder.FindUnwritable(settings) is { } folder)
            return Fail($"berth: {account} may not write to the data folder {folder}");
        var storage = settings.Storage;
        var place = storage.S3?.ToString() ?? storage.Azure?.ToString() ?? DataFolder.RootOf(settings);
        Console.WriteLine($"The settings are fine: {settings.Http.Addr}, data in {place}");
        return 0;
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }
}
