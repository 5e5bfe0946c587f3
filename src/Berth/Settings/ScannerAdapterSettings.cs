namespace Berth.Settings;

/// <summary>
/// This registry as a scanner for others: it answers Harbor's scanner API ("Pluggable Scanners API", version 1.2) below
/// <c>/scanner</c>.
/// </summary>
public sealed record ScannerAdapterSettings
{
    /// <summary>Whether it answers at all. Default: no, since it has images pulled for whoever asks.</summary>
    public bool Enabled { get; init; }

    /// <summary>The header <c>Authorization</c> that requests must have: <c>Bearer …</c> or <c>Basic …</c>.</summary>
    public string? Authorization { get; init; }

    /// <summary>File with that, instead of <see cref="Authorization"/>; read for each request.</summary>
    public string? AuthorizationFile { get; init; }

    /// <summary>The only addresses that images are pulled from: a registry, and where it sends clients for tokens and
    /// blobs. Default: none, so that nobody has this server ask whom they like.</summary>
    public IReadOnlyList<string> Registries { get; init; } = [];

    /// <summary>How long a scan may take. Default: that of Harbor's own scanner six times over, for large images.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>The largest image, in bytes as its manifest tells. Default: more than images with models in them have.
    /// </summary>
    public long ImageBytes { get; init; } = 64L << 30;

    /// <summary>How many images a node scans at once. Default: as many as it reads layers of its own.</summary>
    public int Concurrent { get; init; } = 2;

    /// <summary>How many scans a node holds, with those that wait. Default: a project of Harbor that is scanned whole.
    /// </summary>
    public int Queue { get; init; } = 1000;

    /// <summary>How long reports stay. Default: that of the adapter of Trivy.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The largest report, before it is compressed. Default: as for the reports of other scanners.</summary>
    public long ReportBytes { get; init; } = 32 << 20;

    /// <summary>How much of the database is used to remember what is in layers, so that they are pulled once. Default:
    /// that of some 10,000 layers.</summary>
    public long LayerCacheBytes { get; init; } = 1L << 30;

    internal static SettingsTable<ScannerAdapterSettings> Keys { get; } = new SettingsTable<ScannerAdapterSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Text("authorization", s => s.Authorization, (s, v) => s with { Authorization = v })
        .Text("authorizationfile", s => s.AuthorizationFile, (s, v) => s with { AuthorizationFile = v })
        .Texts("registries", s => s.Registries, (s, v) => s with { Registries = v })
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(10), TimeSpan.FromHours(6))
        .Size("imagebytes", s => s.ImageBytes, (s, v) => s with { ImageBytes = v }, 1 << 20, 1L << 42)
        .Number("concurrent", s => s.Concurrent, (s, v) => s with { Concurrent = v }, 1, 100)
        .Number("queue", s => s.Queue, (s, v) => s with { Queue = v }, 1, 100_000)
        .Duration("keep", s => s.Keep,
            (s, v) => s with { Keep = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(7))
        .Size("reportbytes", s => s.ReportBytes, (s, v) => s with { ReportBytes = v }, 64 << 10, 256 << 20)
        .Size("layercachebytes", s => s.LayerCacheBytes, (s, v) => s with { LayerCacheBytes = v }, 0, 1L << 40);

    /// <summary>Where an address leads: scheme, host and port.</summary>
    internal static string OriginOf(Uri address) => $"{address.Scheme}://{address.IdnHost}:{address.Port}";
}
