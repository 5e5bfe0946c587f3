using System.Net;

namespace Berth.Settings;

/// <summary>How the registry is reached.</summary>
public sealed record HttpSettings
{
    /// <summary>
    /// <c>host:port</c> to listen on, see <see cref="ListenAddress"/>. Loopback unless set, so that a registry
    /// without passwords is never open by accident.
    /// </summary>
    public string Addr { get; init; } = "127.0.0.1:5000";

    /// <summary>
    /// The URL at which clients reach the registry. When set and <see cref="RelativeUrls"/> is false, <c>Location</c>
    /// headers begin with it.
    /// </summary>
    public string? Host { get; init; }

    /// <summary>
    /// Path before <c>/v2/</c> at which clients reach the registry, such as <c>/hub/</c>. It answers there and at the
    /// root, so a proxy may strip the prefix or keep it; <c>Location</c> headers include it.
    /// </summary>
    public string Prefix { get; init; } = "/";

    /// <summary>
    /// <c>Location</c> headers without scheme and host, which survive any proxy. Distribution: false.
    /// </summary>
    public bool RelativeUrls { get; init; } = true;

    /// <summary>
    /// Distribution's key for signing upload state into locations. Berth keeps that state itself and needs no key.
    /// </summary>
    public string? Secret { get; init; }

    /// <summary>
    /// How long running requests may take to finish after a stop signal. Distribution: 0, cut off at once.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long connections are still accepted after a stop signal, while <c>/readyz</c> answers 503, so that load
    /// balancers notice. Default: 0, not at all.
    /// </summary>
    public TimeSpan ShutdownDelay { get; init; }

    public TlsSettings Tls { get; init; } = new();

    /// <summary>Headers added to every response.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Headers { get; init; } =
        new Dictionary<string, IReadOnlyList<string>>();

    public Http2Settings Http2 { get; init; } = new();

    public H2cSettings H2c { get; init; } = new();

    public DebugSettings Debug { get; init; } = new();

    /// <summary>IP addresses or CIDR ranges of the proxies whose <c>X-Forwarded-*</c> headers are trusted.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    internal static SettingsTable<HttpSettings> Keys { get; } = new SettingsTable<HttpSettings>()
        .Text("addr", s => s.Addr, (s, v) => s with { Addr = v })
        .Text("host", s => s.Host, (s, v) => s with { Host = v })
        .Text("prefix", s => s.Prefix, (s, v) => s with { Prefix = v })
        .Switch("relativeurls", s => s.RelativeUrls, (s, v) => s with { RelativeUrls = v })
        .Text("secret", s => s.Secret, (s, v) => s with { Secret = v })
        .Duration("draintimeout", s => s.DrainTimeout,
            (s, v) => s with { DrainTimeout = v }, TimeSpan.Zero, SettingsBounds.LongestWait)
        .Section("tls", TlsSettings.Keys, s => s.Tls, (s, v) => s with { Tls = v })
        .MapOfTexts("headers", s => s.Headers, (s, v) => s with { Headers = v })
        .Section("http2", Http2Settings.Keys, s => s.Http2, (s, v) => s with { Http2 = v })
        .Section("h2c", H2cSettings.Keys, s => s.H2c, (s, v) => s with { H2c = v })
        .Section("debug", DebugSettings.Keys, s => s.Debug, (s, v) => s with { Debug = v })
        .Networks("trustedproxies", s => s.TrustedProxies, (s, v) => s with { TrustedProxies = v })
        .Duration("shutdowndelay", s => s.ShutdownDelay,
            (s, v) => s with { ShutdownDelay = v }, TimeSpan.Zero, TimeSpan.FromHours(1));
}

/// <summary>The certificate of the registry. Without one it speaks plain HTTP.</summary>
public sealed record TlsSettings
{
    /// <summary>PEM file: the server's certificate, then its issuers.</summary>
    public string? Certificate { get; init; }

    /// <summary>PEM file of the certificate's private key.</summary>
    public string? Key { get; init; }

    /// <summary>PEM files. If there are any, a client must present a certificate issued by one of them.</summary>
    public IReadOnlyList<string> ClientCas { get; init; } = [];

    /// <summary><c>tls1.2</c> or <c>tls1.3</c>. Default: distribution's.</summary>
    public string MinimumTls { get; init; } = "tls1.2";

    internal static SettingsTable<TlsSettings> Keys { get; } = new SettingsTable<TlsSettings>()
        .Text("certificate", s => s.Certificate, (s, v) => s with { Certificate = v })
        .Text("key", s => s.Key, (s, v) => s with { Key = v })
        .Texts("clientcas", s => s.ClientCas, (s, v) => s with { ClientCas = v })
        .Text("minimumtls", s => s.MinimumTls, (s, v) => s with { MinimumTls = v });
}

/// <summary>HTTP/2 over TLS.</summary>
public sealed record Http2Settings
{
    public bool Disabled { get; init; }

    internal static SettingsTable<Http2Settings> Keys { get; } = new SettingsTable<Http2Settings>()
        .Switch("disabled", s => s.Disabled, (s, v) => s with { Disabled = v });
}

/// <summary>
/// HTTP/2 without TLS, for a proxy in front that uses it. Clients must not reach it directly: such connections have no
/// bound on the memory of compressed headers.
/// </summary>
public sealed record H2cSettings
{
    public bool Enabled { get; init; }

    internal static SettingsTable<H2cSettings> Keys { get; } = new SettingsTable<H2cSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v });
}

/// <summary>A second address, for operators. Users must not be able to reach it.</summary>
public sealed record DebugSettings
{
    /// <summary>As <see cref="HttpSettings.Addr"/>. Null: no second address.</summary>
    public string? Addr { get; init; }

    public PrometheusSettings Prometheus { get; init; } = new();

    internal static SettingsTable<DebugSettings> Keys { get; } = new SettingsTable<DebugSettings>()
        .Text("addr", s => s.Addr, (s, v) => s with { Addr = v })
        .Section("prometheus", PrometheusSettings.Keys, s => s.Prometheus, (s, v) => s with { Prometheus = v });
}

/// <summary>Metrics in Prometheus' text format, at <see cref="DebugSettings.Addr"/>.</summary>
public sealed record PrometheusSettings
{
    /// <summary>Default: distribution's.</summary>
    public bool Enabled { get; init; }

    /// <summary>Default: distribution's.</summary>
    public string Path { get; init; } = "/metrics";

    internal static SettingsTable<PrometheusSettings> Keys { get; } = new SettingsTable<PrometheusSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Text("path", s => s.Path, (s, v) => s with { Path = v });
}
