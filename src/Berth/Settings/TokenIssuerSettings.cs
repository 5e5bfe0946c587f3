namespace Berth.Settings;

/// <summary>
/// Another server that says who may do what: its tokens are accepted, and clients are sent to it. The keys are those of
/// distribution (<c>auth.token</c>).
/// </summary>
public sealed record TokenIssuerSettings
{
    /// <summary>The URL at which clients get tokens.</summary>
    public string Realm { get; init; } = "";

    /// <summary>What its tokens for this registry have as <c>aud</c>. Clients pass it back to it.</summary>
    public string Service { get; init; } = "";

    /// <summary>What its tokens have as <c>iss</c>.</summary>
    public string Issuer { get; init; } = "";

    /// <summary>
    /// PEM file of certificates: those of its keys, and those of CAs whose certificates its tokens may bring along.
    /// </summary>
    public string? RootCertBundle { get; init; }

    /// <summary>File of its keys, a JSON Web Key Set.</summary>
    public string? Jwks { get; init; }

    /// <summary>With which algorithms tokens may be signed. Default: all that Berth can verify.</summary>
    public IReadOnlyList<string> SigningAlgorithms { get; init; } = [];

    /// <summary>Whether clients get tokens at the registry's own address, where a proxy passes them on.</summary>
    public bool AutoRedirect { get; init; }

    /// <summary>The path there. Default: distribution's.</summary>
    public string AutoRedirectPath { get; init; } = "/auth/token";

    internal static SettingsTable<TokenIssuerSettings> Keys { get; } = new SettingsTable<TokenIssuerSettings>()
        .Text("realm", s => s.Realm, (s, v) => s with { Realm = v })
        .Text("service", s => s.Service, (s, v) => s with { Service = v })
        .Text("issuer", s => s.Issuer, (s, v) => s with { Issuer = v })
        .Text("rootcertbundle", s => s.RootCertBundle, (s, v) => s with { RootCertBundle = v })
        .Text("jwks", s => s.Jwks, (s, v) => s with { Jwks = v })
        .Texts("signingalgorithms", s => s.SigningAlgorithms, (s, v) => s with { SigningAlgorithms = v })
        .Switch("autoredirect", s => s.AutoRedirect, (s, v) => s with { AutoRedirect = v })
        .Text("autoredirectpath", s => s.AutoRedirectPath, (s, v) => s with { AutoRedirectPath = v });

    /// <summary>The algorithms by which a public key verifies (RFC 7518, section 3.1).</summary>
    internal static string[] KnownAlgorithms { get; } =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
}
