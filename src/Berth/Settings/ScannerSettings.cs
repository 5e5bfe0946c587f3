namespace Berth.Settings;

/// <summary>
/// Another scanner of images, behind an adapter that speaks Harbor's scanner API ("Pluggable Scanners API", version
/// 1.0 to 1.2).
/// </summary>
public sealed record ScannerSettings
{
    internal const int MaxNameChars = 63;

    /// <summary>The longest scan. An access token that a scanner gets is good as long as its scan may take.</summary>
    internal static readonly TimeSpan LongestScan = TimeSpan.FromHours(6);

    /// <summary>A short name, for the API, commands and pages.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where its adapter is: what comes before <c>/api/v1</c>.</summary>
    public string Url { get; init; } = "";

    /// <summary>The header <c>Authorization</c> of requests to the adapter: <c>Bearer …</c> or <c>Basic …</c>.
    /// </summary>
    public string? Authorization { get; init; }

    /// <summary>File with that, instead of <see cref="Authorization"/>; read for each turn.</summary>
    public string? AuthorizationFile { get; init; }

    /// <summary>How the scanner reaches this registry. Null: <c>http.host</c>.</summary>
    public string? RegistryUrl { get; init; }

    /// <summary>How long the adapter may take for an answer. Default: Berth's own.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long it may take to scan an image. Default: Berth's own, six times Trivy's.</summary>
    public TimeSpan ScanTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How often images are scanned again. Default: Harbor's example, daily.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How many images it scans at once. Default: the workers of Trivy's adapter, one, and one that waits.
    /// </summary>
    public int Concurrent { get; init; } = 2;

    /// <summary>The largest report, which is read into memory. Default: Berth's own, that of an image with a kernel's
    /// headers several times.</summary>
    public long ReportBytes { get; init; } = 32 << 20;

    internal static SettingsTable<ScannerSettings> Keys { get; } = new SettingsTable<ScannerSettings>()
        .Text("name", s => s.Name, (s, v) => s with { Name = v })
        .Text("url", s => s.Url, (s, v) => s with { Url = v })
        .Text("authorization", s => s.Authorization, (s, v) => s with { Authorization = v })
        .Text("authorizationfile", s => s.AuthorizationFile, (s, v) => s with { AuthorizationFile = v })
        .Text("registryurl", s => s.RegistryUrl, (s, v) => s with { RegistryUrl = v })
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10))
        .Duration("scantimeout", s => s.ScanTimeout,
            (s, v) => s with { ScanTimeout = v }, TimeSpan.FromMinutes(1), LongestScan)
        .Duration("interval", s => s.Interval,
            (s, v) => s with { Interval = v }, TimeSpan.FromHours(1), TimeSpan.FromDays(365))
        .Number("concurrent", s => s.Concurrent, (s, v) => s with { Concurrent = v }, 1, 100)
        .Size("reportbytes", s => s.ReportBytes, (s, v) => s with { ReportBytes = v }, 64 << 10, 256 << 20);
}
