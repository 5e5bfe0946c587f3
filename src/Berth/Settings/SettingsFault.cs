namespace Berth.Settings;

/// <summary>Whether a fault stops the start.</summary>
public enum Severity
{
    /// <summary>Berth does not start.</summary>
    Error,

    /// <summary>Berth starts; the user should know.</summary>
    Notice,
}

/// <summary>One finding about the settings. Never holds a value that could be a secret.</summary>
/// <param name="Source">The file's path, or the name of an environment variable.</param>
/// <param name="Line">The line in the file, from 1; null for the environment and for whole files.</param>
/// <param name="Key">The key, as in <c>http.addr</c>; empty when the file cannot be read at all.</param>
/// <param name="Message">What is wrong and what to write instead.</param>
public sealed record SettingsFault(string Source, int? Line, string Key, string Message)
{
    public Severity Severity { get; init; } = Severity.Error;

    /// <summary><c>source:line: error: key: message</c>, one line, as compilers print theirs.</summary>
    public override string ToString()
    {
        var place = Line is { } line ? $"{Source}:{line}" : Source;
        var key = Key.Length > 0 ? Key + ": " : "";
        return $"{place}: {(Severity == Severity.Error ? "error" : "notice")}: {key}{Message}";
    }
}

/// <param name="Settings">Null when one of the faults is an error.</param>
/// <param name="Faults">The file's first, by line, then the environment's, by name.</param>
public sealed record SettingsResult(RegistrySettings? Settings, IReadOnlyList<SettingsFault> Faults);
