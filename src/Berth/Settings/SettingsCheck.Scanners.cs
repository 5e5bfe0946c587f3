namespace Berth.Settings;

/// <summary>The checks of other scanners.</summary>
internal sealed partial class SettingsCheck
{
    private const int MaxScanners = 20;

    private void CheckScanners()
    {
        var scanners = settings.Scanners;
        if (scanners.Count > MaxScanners) Error("scanners", $"has more than {MaxScanners} entries");
        for (var i = 0; i < scanners.Count && i < MaxScanners; i++)
        {
            CheckScanner($"scanners.{i}", scanners[i]);
            if (scanners.Take(i).Any(other => other.Name == scanners[i].Name))
                Error($"scanners.{i}.name", "is the name of a scanner above; each needs its own");
        }
    }

    private void CheckScanner(string key, ScannerSettings scanner)
    {
        if (!IsIssuerName(scanner.Name))
            Error(key + ".name", "set a short name of lower-case letters, digits and '-', such as trivy");
        if (!IsAddress(scanner.Url))
        {
            Error(key + ".url", "set the URL of the scanner's adapter without /api/v1, such as "
                + "http://trivy-adapter:8080; a password goes into authorization");
        }

        if (scanner.RegistryUrl is { } registry && !IsAddress(registry))
        {
            Error(key + ".registryurl", "must be the URL at which the scanner reaches this registry, such as "
                + "https://registry.example.com");
        }
        else if (scanner.RegistryUrl is null && settings.Http.Host is null)
        {
            Error(key + ".registryurl", "the scanner must know where this registry is; set http.host, or this if the "
                + "scanner reaches it at another URL");
        }

        if (scanner is { Authorization: not null, AuthorizationFile: not null })
            Error(key + ".authorizationfile", "give the header or its file, not both");
        if (scanner.Authorization is { } header && !IsHeader(header))
            Error(key + ".authorization", "must be a header such as Bearer TOKEN or Basic BASE64");
        MustExist(key + ".authorizationfile", scanner.AuthorizationFile);
    }

    private static bool IsHeader(string text) =>
        text.Length is > 0 and <= 8192 && text.All(c => c is >= ' ' and <= '~');

    private static bool IsAddress(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
        && url is { Host.Length: > 0, Query: "", Fragment: "", UserInfo: "" };
}
