namespace Berth.Settings;

/// <summary>The checks of what data about vulnerabilities comes from.</summary>
internal sealed partial class SettingsCheck
{
    private const int MaxSources = 100;

    private void CheckVulnerabilities()
    {
        const string Key = "vulnerabilities.sources";
        var sources = settings.Vulnerabilities.Sources;
        if (sources.Count > MaxSources) Error(Key, $"has more than {MaxSources} entries");
        for (var i = 0; i < sources.Count && i < MaxSources; i++)
        {
            if (VulnerabilitySource.Parse(sources[i]) is not { } source)
            {
                // It may have a password in it.
                var what = sources[i].Contains('@') ? "this" : $"'{sources[i]}'";
                Error($"{Key}.{i}", $"{what} is no source; " + (IsListWithoutBrackets(sources[i])
                    ? $"a list is written with brackets: [{string.Join(", ", PartsOf(sources[i]))}]"
                    : "write osv, grype, epss, kev, a URL without a user, osv:https://mirror.example.com, "
                        + "oci:registry.example.com/repository:tag, or an absolute path"));
            }
            else if (source.Kind == VulnerabilitySourceKind.Path && FindDoubt(source.Location) is { } doubt)
            {
                Notice($"{Key}.{i}", doubt);
            }
            else if (source.IsUnprotected)
            {
                Notice($"{Key}.{i}", "what comes over http:// may be changed on the way; write https://");
            }
        }

        if (settings.Vulnerabilities.Folder is { } folder && !Path.IsPathFullyQualified(folder))
            Error("vulnerabilities.folder", $"'{folder}' is not an absolute path");
    }

    private static bool IsListWithoutBrackets(string text) => !text.Contains('@')
        && PartsOf(text) is { Length: > 1 } parts
        && Array.TrueForAll(parts, part => VulnerabilitySource.Parse(part) is not null);

    private static string[] PartsOf(string text) => text.Split(',', StringSplitOptions.TrimEntries);

    /// <summary>It may be mounted later, or only where the server runs: that is no error.</summary>
    private static string? FindDoubt(string path)
    {
        if (File.Exists(path) || Directory.Exists(path)) return null;
        return $"there is no file or folder {path} here"
            + (path.Contains(',') ? $"; a list is written with brackets: [{string.Join(", ", PartsOf(path))}]" : "");
    }
}
