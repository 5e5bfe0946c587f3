using System.Collections;
using System.CommandLine;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>The option that names the settings file, and how every command loads it.</summary>
internal static class SettingsOption
{
    public static Option<string?> Create() => new("--config", "-c")
    {
        Description = "Settings file (YAML). Environment variables like REGISTRY_HTTP_ADDR override it.",
    };

    /// <summary>Loads the settings and prints all faults. Returns null if any of them is an error.</summary>
    public static RegistrySettings? Load(string? path) => Load(path, ReadEnvironment());

    /// <summary>
    /// The same for a command beside the server, to which notices are old news: only errors are printed.
    /// </summary>
    public static RegistrySettings? LoadQuietly(string? path)
    {
        var result = SettingsFile.Load(path, ReadEnvironment());
        foreach (var fault in result.Faults.Where(fault => fault.Severity == Severity.Error))
            Console.Error.WriteLine(fault);
        return result.Settings;
    }

    /// <summary>The same with the given variables instead of the environment's.</summary>
    public static RegistrySettings? Load(string? path, IReadOnlyDictionary<string, string> environment)
    {
        var result = SettingsFile.Load(path, environment);
        foreach (var fault in result.Faults) Console.Error.WriteLine(fault);
        return result.Settings;
    }

    private static Dictionary<string, string> ReadEnvironment() => Environment.GetEnvironmentVariables()
        .Cast<DictionaryEntry>()
        .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "", StringComparer.Ordinal);
}
