namespace Berth.Settings;

/// <summary>
/// Tokens that an OpenID issuer gives to machines (a job of a CI, a pod), accepted in place of a password.
/// </summary>
public sealed record KeylessSettings
{
    /// <summary>Whose tokens are accepted.</summary>
    public IReadOnlyList<KeylessIssuerSettings> Issuers { get; init; } = [];

    /// <summary>
    /// How far an issuer's clock may be from this machine's. Default: that of go-jose, with which Kubernetes checks its
    /// own tokens.
    /// </summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The longest time between a token's <c>iat</c> and <c>exp</c>. Default: a pod's token is replaced after a day at
    /// the latest, and jobs of a CI get shorter ones.
    /// </summary>
    public TimeSpan MaximumLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// How often an issuer's keys are read again while its tokens arrive. A key that the issuer withdrew is accepted
    /// for up to this long. Default: how long Kubernetes lets its keys be cached.
    /// </summary>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How long at least lies between two reads that tokens with an unknown key cause, since anyone can make up such
    /// tokens. Default: Berth's own.
    /// </summary>
    public TimeSpan RefetchInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long keys are used that can't be read again because the issuer is away. Default: Berth's own; it outlasts a
    /// night.
    /// </summary>
    public TimeSpan MaximumKeyAge { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long reading an issuer's keys may take; requests wait for it. Default: Berth's own.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest answer of an issuer. Default: Berth's own, some ten times that of large issuers.</summary>
    public long ResponseBytes { get; init; } = 256 << 10;

    /// <summary>
    /// The most rules in the database: all are in memory, and those of an issuer are asked for each new token of it.
    /// Default: Berth's own, some for each team of a large company.
    /// </summary>
    public int StoredRules { get; init; } = 1000;

    internal static SettingsTable<KeylessSettings> Keys { get; } = new SettingsTable<KeylessSettings>()
        .Sections("issuers", KeylessIssuerSettings.Keys, s => s.Issuers, (s, v) => s with { Issuers = v })
        .Duration("clockskew", s => s.ClockSkew,
            (s, v) => s with { ClockSkew = v }, TimeSpan.Zero, TimeSpan.FromMinutes(10))
        .Duration("maximumlifetime", s => s.MaximumLifetime,
            (s, v) => s with { MaximumLifetime = v }, TimeSpan.FromMinutes(1), SettingsBounds.LongestWait)
        .Duration("refreshinterval", s => s.RefreshInterval,
            (s, v) => s with { RefreshInterval = v }, TimeSpan.FromMinutes(1), SettingsBounds.LongestWait)
        .Duration("refetchinterval", s => s.RefetchInterval,
            (s, v) => s with { RefetchInterval = v }, TimeSpan.FromSeconds(10), TimeSpan.FromHours(24))
        .Duration("maximumkeyage", s => s.MaximumKeyAge,
            (s, v) => s with { MaximumKeyAge = v }, TimeSpan.FromMinutes(1), SettingsBounds.LongestWait)
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1))
        .Size("responsebytes", s => s.ResponseBytes, (s, v) => s with { ResponseBytes = v }, 4 << 10, 16 << 20)
        .Number("storedrules", s => s.StoredRules, (s, v) => s with { StoredRules = v }, 1, 100_000);
}

/// <summary>An OpenID issuer, and what its tokens allow.</summary>
public sealed record KeylessIssuerSettings
{
    /// <summary>A short name, for logs and errors, and in front of its users' names.</summary>
    public string Name { get; init; } = "";

    /// <summary>What its tokens have as <c>iss</c>, character by character, and where its keys are found.</summary>
    public string Url { get; init; } = "";

    /// <summary>What its tokens must have one of as <c>aud</c>: the registry's name.</summary>
    public IReadOnlyList<string> Audience { get; init; } = [];

    /// <summary>A file with its keys, a JSON Web Key Set, if Berth can't reach it.</summary>
    public string? Jwks { get; init; }

    /// <summary>PEM file of the CAs that its certificate may come from, in place of the system's.</summary>
    public string? Ca { get; init; }

    /// <summary>A file with the bearer token that its keys are read with.</summary>
    public string? TokenFile { get; init; }

    /// <summary>What its tokens allow: everything that any of the matching rules does.</summary>
    public IReadOnlyList<KeylessRuleSettings> Rules { get; init; } = [];

    internal static SettingsTable<KeylessIssuerSettings> Keys { get; } = new SettingsTable<KeylessIssuerSettings>()
        .Text("name", s => s.Name, (s, v) => s with { Name = v })
        .Text("url", s => s.Url, (s, v) => s with { Url = v })
        .Texts("audience", s => s.Audience, (s, v) => s with { Audience = v })
        .Text("jwks", s => s.Jwks, (s, v) => s with { Jwks = v })
        .Text("ca", s => s.Ca, (s, v) => s with { Ca = v })
        .Text("tokenfile", s => s.TokenFile, (s, v) => s with { TokenFile = v })
        .Sections("rules", KeylessRuleSettings.Keys, s => s.Rules, (s, v) => s with { Rules = v });
}

/// <summary>What tokens with certain claims may do.</summary>
public sealed record KeylessRuleSettings
{
    /// <summary>A condition on the claims: <c>repository == "acme/*" and ref == "refs/heads/main"</c>.</summary>
    public string If { get; init; } = "";

    /// <summary>Some of <c>pull</c>, <c>push</c>, <c>delete</c>, <c>manage</c> and <c>own</c>.</summary>
    public IReadOnlyList<string> Actions { get; init; } = [];

    /// <summary>Patterns of repository names: <c>*</c> within a path component, <c>**</c> across them.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>
    /// The name in the log, with claims in braces: <c>{repository}</c>. Default: the claim <c>sub</c>.
    /// </summary>
    public string? User { get; init; }

    internal static SettingsTable<KeylessRuleSettings> Keys { get; } = new SettingsTable<KeylessRuleSettings>()
        .Text("if", s => s.If, (s, v) => s with { If = v })
        .Texts("actions", s => s.Actions, (s, v) => s with { Actions = v })
        .Texts("names", s => s.Names, (s, v) => s with { Names = v })
        .Text("user", s => s.User, (s, v) => s with { User = v });
}
