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
    /// The URL clients reach the registry at. When set and <see cref="RelativeUrls"/> is false,
    /// <c>Location</c> headers are absolute with it.
    /// </summary>
    public string? Host { get; init; }

    /// <summary>
    /// Path before <c>/v2/</c> that clients reach the registry at, such as <c>/hub/</c>. It answers there and at the
    /// root, so a proxy may take the prefix off or leave it; <c>Location</c> headers have it.
    /// </summary>
    public string Prefix { get; init; } = "/";

    /// <summary>
    /// <c>Location</c> headers without scheme and host, which survive any proxy. Distribution: false.
    /// </summary>
    public bool RelativeUrls { get; init; } = true;

    /// <summary>
    /// Distribution's key for the state it signs into locations. Berth keeps that state, and needs none.
    /// </summary>
    public string? Secret { get; init; }

    /// <summary>How long requests may go on after a stop signal. Distribution: 0, at once.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long connections are still taken after a stop signal, while <c>/readyz</c> says 503: the time that load
    /// balancers need to notice. Default: 0, at once.
    /// </summary>
    public TimeSpan ShutdownDelay { get; init; }

    public TlsSettings Tls { get; init; } = new();

    /// <summary>Headers that every answer carries.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Headers { get; init; } =
        new Dictionary<string, IReadOnlyList<string>>();

    public Http2Settings Http2 { get; init; } = new();

    public H2cSettings H2c { get; init; } = new();

    /// <summary>IP addresses or CIDR ranges of the proxies whose <c>X-Forwarded-*</c> headers are believed.</summary>
    public IReadOnlyList<string> TrustedProxies { get; init; } = [];
}

/// <summary>The certificate of the registry. Without one it speaks plain HTTP.</summary>
public sealed record TlsSettings
{
    /// <summary>PEM file: the server's certificate, then its issuers.</summary>
    public string? Certificate { get; init; }

    /// <summary>PEM file of the certificate's private key.</summary>
    public string? Key { get; init; }

    /// <summary>PEM files. When there is one, a client must show a certificate that one of them issued.</summary>
    public IReadOnlyList<string> ClientCas { get; init; } = [];

    /// <summary><c>tls1.2</c> or <c>tls1.3</c>. Default: distribution's.</summary>
    public string MinimumTls { get; init; } = "tls1.2";
}

/// <summary>HTTP/2 over TLS.</summary>
public sealed record Http2Settings
{
    public bool Disabled { get; init; }
}

/// <summary>HTTP/2 without TLS, for a proxy in front that speaks it.</summary>
public sealed record H2cSettings
{
    public bool Enabled { get; init; }
}
