using Berth.Hosting;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>
/// A database as it is named on the command line: by a settings file (<c>config.yml</c>), by
/// <c>postgres://user@host:port/name</c>, or by the path of a SQLite file.
/// </summary>
internal static class CopySide
{
    /// <summary>A large table is counted and sorted in one statement.</summary>
    private static readonly TimeSpan LongestStatement = TimeSpan.FromHours(1);

    private static readonly string[] UrlSettings = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey"];

    /// <summary>Finds the settings of a database. Prints what is wrong with them, and then returns null.</summary>
    /// <exception cref="InvalidDataException">The name is invalid.</exception>
    public static RegistrySettings? Find(string name)
    {
        var settings = name switch
        {
            _ when name.StartsWith("postgres://", StringComparison.Ordinal)
                || name.StartsWith("postgresql://", StringComparison.Ordinal) =>
                    SettingsOption.Load(path: null, VariablesOfUrl(name)),
            _ when name.EndsWith(".yml", StringComparison.Ordinal)
                || name.EndsWith(".yaml", StringComparison.Ordinal) => SettingsOption.Load(name),
            _ => SettingsOption.Load(path: null, VariablesOfFile(Path.GetFullPath(name))),
        };
        return settings is null
            ? null
            : settings with { Database = settings.Database with { QueryTimeout = LongestStatement } };
    }

    /// <summary>The same text for the same database.</summary>
    public static string PlaceOf(RegistrySettings settings) => settings.Database.Host is null
        ? Path.GetFullPath(DataFolder.DatabasePathOf(settings))
        : $"{settings.Database.Host}:{settings.Database.Port}/{settings.Database.DbName}";

    /// <summary>Keeps servers out of the folders of a SQLite database.</summary>
    /// <exception cref="StartException">A server uses one of them.</exception>
    public static IEnumerable<IDisposable> Hold(IEnumerable<RegistrySettings> sides)
    {
        var folders = sides.Where(s => s.Database.Host is null).SelectMany(s => new[]
        {
            Path.GetFullPath(s.Storage.Filesystem.RootDirectory),
            Path.GetDirectoryName(PlaceOf(s))!,
        });
        foreach (var folder in folders.Distinct())
        {
            if (DataFolder.HoldUsed(folder) is { } held) yield return held;
        }
    }

    /// <summary>Opens a database that must exist, with tables of this version.</summary>
    /// <exception cref="StartException">It can't be opened.</exception>
    public static Task<Database> OpenSourceAsync(RegistrySettings settings) => OpenAsync(
        settings,
        () => Database.OpenBesideAsync(settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System));

    /// <summary>Opens a database, creating its tables if they are missing.</summary>
    /// <exception cref="StartException">It can't be opened.</exception>
    public static Task<Database> OpenTargetAsync(RegistrySettings settings) => OpenAsync(
        settings,
        () => Database.OpenAsync(settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System));

    private static async Task<Database> OpenAsync(RegistrySettings settings, Func<Task<Database>> open)
    {
        try
        {
            return await open();
        }
        catch (Exception e) when (StartFailure.Explain(e, settings) is { } reason)
        {
            throw new StartException(reason, e);
        }
    }

    private static Dictionary<string, string> VariablesOfFile(string path) => new()
    {
        [SettingsKey.VariableFor("database.path")] = Quoted(path),
        [SettingsKey.VariableFor("storage.filesystem.rootdirectory")] = Quoted(Path.GetDirectoryName(path)!),
    };

    private static Dictionary<string, string> VariablesOfUrl(string text)
    {
        const string Form = "write postgres://user@host:5432/database?sslmode=require";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)) throw new InvalidDataException($"not a URL: {Form}");
        if (url.UserInfo.Contains(':'))
        {
            throw new InvalidDataException(
                "others can read a password on the command line: put it into PGPASSWORD, ~/.pgpass or a "
                + "settings file");
        }

        var values = new Dictionary<string, string>
        {
            ["host"] = url.Host,
            ["port"] = url.IsDefaultPort ? "" : $"{url.Port}",
            ["user"] = Uri.UnescapeDataString(url.UserInfo),
            ["dbname"] = Uri.UnescapeDataString(url.AbsolutePath.Trim('/')),
        };
        foreach (var setting in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = setting.Split('=', 2) is [var k, var v] ? (k, Uri.UnescapeDataString(v)) : (setting, "");
            if (!UrlSettings.Contains(key)) throw new InvalidDataException($"'{key}' is not known in a URL: {Form}");
            values[key] = value;
        }

        if (values["host"].Length == 0) throw new InvalidDataException($"the URL has no host: {Form}");
        return values.Where(v => v.Value.Length > 0).ToDictionary(
            v => SettingsKey.VariableFor("database." + v.Key), v => Quoted(v.Value));
    }

    /// <summary>Variables are parsed as YAML, which includes JSON strings.</summary>
    private static string Quoted(string value) => TextJson.Quote(value);
}
