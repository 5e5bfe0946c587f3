using Berth.Settings;

namespace Berth.Tests.Settings;

/// <summary>A folder for one test's configuration file and what it points to.</summary>
internal sealed class SettingsFolder : IDisposable
{
    public SettingsFolder() => Path = Directory.CreateTempSubdirectory("berth-settings-").FullName;

    public string Path { get; }

    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Loads a file of this text, with variables written as NAME=value.</summary>
    public SettingsResult Load(string yaml, params string[] variables) =>
        SettingsFile.Load(Write("config.yml", yaml), Variables(variables));

    public static SettingsResult LoadVariables(params string[] variables) =>
        SettingsFile.Load(null, Variables(variables));

    public static string Print(SettingsResult result) => string.Join('\n', result.Faults);

    /// <summary>The project's own folder, for its documents and golden files.</summary>
    public static string Repository() => SourceTree.Root;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static Dictionary<string, string> Variables(string[] variables) => variables
        .Select(v => v.Split('=', 2))
        .ToDictionary(v => v[0], v => v[1]);
}
