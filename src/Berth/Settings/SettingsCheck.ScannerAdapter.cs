namespace Berth.Settings;

/// <summary>The checks of this registry as a scanner for others.</summary>
internal sealed partial class SettingsCheck
{
    private const int MaxSourceRegistries = 100;

    private void CheckScannerAdapter()
    {
        const string Key = "scanneradapter";
        var adapter = settings.ScannerAdapter;
        if (!adapter.Enabled) return;
        CheckCallers(Key, adapter);
        if (adapter.Registries.Count == 0)
        {
            Error(Key + ".registries", "name the registries whose images are scanned, such as "
                + "https://harbor.example.com: no others are asked");
        }

        if (adapter.Registries.Count > MaxSourceRegistries)
            Error(Key + ".registries", $"has more than {MaxSourceRegistries} entries");
        for (var i = 0; i < adapter.Registries.Count && i < MaxSourceRegistries; i++)
        {
            if (!IsRoot(adapter.Registries[i]))
            {
                Error($"{Key}.registries.{i}", "must be a URL of scheme and host only, such as "
                    + "https://harbor.example.com");
            }
        }

        if (settings.Vulnerabilities.Sources.Count == 0)
        {
            Notice("vulnerabilities.sources", "without sources nothing is known of vulnerabilities: scanneradapter "
                + "then makes bills of materials only");
        }

        if (settings.Storage.Maintenance.ReadOnly.Enabled)
            Notice(Key, "a registry that is read-only scans nothing for others");
    }

    private void CheckCallers(string key, ScannerAdapterSettings adapter)
    {
        if (adapter is { Authorization: not null, AuthorizationFile: not null })
            Error(key + ".authorizationfile", "give the header or its file, not both");
        MustExist(key + ".authorizationfile", adapter.AuthorizationFile);
        if (adapter is { Authorization: null, AuthorizationFile: null })
        {
            Error(key + ".authorization", "set the header that Harbor must send, such as Bearer and a long random "
                + "text: whoever has it can have images scanned");
        }

        if (adapter.Authorization is { } header && !IsCredential(header))
            Error(key + ".authorization", "must be a header such as Bearer TOKEN or Basic BASE64");
    }

    /// <summary>What clients and this server can send without loss.</summary>
    private static bool IsCredential(string header) =>
        IsHeader(header) && header.Split(' ') is [var scheme, { Length: > 0 }]
        && (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)
            || scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase));
}
