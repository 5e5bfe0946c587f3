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
                Error($"{Key}.{i}", $"{what} is no source; write osv, grype, epss, kev, a URL without a user, "
                    + "osv:https://mirror.example.com, oci:registry.example.com/repository:tag, or an absolute path");
            }
            else if (source.IsUnprotected)
            {
                Notice($"{Key}.{i}", "what comes over http:// may be changed on the way; write https://");
            }
        }

        if (settings.Vulnerabilities.Folder is { } folder && !Path.IsPathFullyQualified(folder))
            Error("vulnerabilities.folder", $"'{folder}' is not an absolute path");
    }
}
