namespace Berth.Settings;

/// <summary>What a page to sign in at speaks.</summary>
public enum OpenIdKind
{
    /// <summary>OpenID Connect: Keycloak, Entra ID, Google and most others.</summary>
    Oidc,

    /// <summary>GitHub, which has an OAuth of its own and no OpenID for people.</summary>
    GitHub,

    /// <summary>GitLab: OpenID Connect with GitLab's address and claims as defaults.</summary>
    GitLab,
}

/// <summary>A system at whose page people sign in with their browser.</summary>
public sealed record OpenIdSettings
{
    /// <summary>A short name, for URLs, logs and errors. Required. Accounts are linked to it: it must not change.
    /// </summary>
    public string Name { get; init; } = "";

    /// <summary>What people read. Default: the name.</summary>
    public string? DisplayName { get; init; }

    public OpenIdKind Kind { get; init; } = OpenIdKind.Oidc;

    /// <summary>
    /// What its tokens have as <c>iss</c>, character by character, and where its endpoints are found; for GitHub, its
    /// address. Required, except for the public GitHub and GitLab.
    /// </summary>
    public string? Issuer { get; init; }

    /// <summary>What Berth is called there. Required.</summary>
    public string ClientId { get; init; } = "";

    public string? ClientSecret { get; init; }

    /// <summary>File with the secret, instead of <see cref="ClientSecret"/>; read for each sign-in.</summary>
    public string? ClientSecretFile { get; init; }

    /// <summary>
    /// What is asked for. Default: <c>openid profile email</c>; for GitHub <c>read:user user:email read:org</c>.
    /// </summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>The claim with the user's name. Default: that of OpenID Connect Core 1.0, section 5.1.</summary>
    public string NameClaim { get; init; } = "preferred_username";

    /// <summary>The claim with the user's groups, or the path to it with dots between. Default: what most call it.
    /// </summary>
    public string GroupsClaim { get; init; } = "groups";

    /// <summary>The group whose members alone may sign in. Null: everyone may who can sign in there.</summary>
    public string? RequiredGroup { get; init; }

    /// <summary>PEM file of the CAs that its certificate may come from, in place of the system's.</summary>
    public string? Ca { get; init; }

    /// <summary>How long all requests of one sign-in may take together. Default: as for keyless issuers.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest answer. Default: as for keyless issuers.</summary>
    public long ResponseBytes { get; init; } = 256 << 10;

    internal static SettingsTable<OpenIdSettings> Keys { get; } = new SettingsTable<OpenIdSettings>()
        .Text("name", s => s.Name, (s, v) => s with { Name = v })
        .Text("displayname", s => s.DisplayName, (s, v) => s with { DisplayName = v })
        .Choice("kind", s => s.Kind, (s, v) => s with { Kind = v })
        .Text("issuer", s => s.Issuer, (s, v) => s with { Issuer = v })
        .Text("clientid", s => s.ClientId, (s, v) => s with { ClientId = v })
        .Text("clientsecret", s => s.ClientSecret, (s, v) => s with { ClientSecret = v })
        .Text("clientsecretfile", s => s.ClientSecretFile, (s, v) => s with { ClientSecretFile = v })
        .Texts("scopes", s => s.Scopes, (s, v) => s with { Scopes = v })
        .Text("nameclaim", s => s.NameClaim, (s, v) => s with { NameClaim = v })
        .Text("groupsclaim", s => s.GroupsClaim, (s, v) => s with { GroupsClaim = v })
        .Text("requiredgroup", s => s.RequiredGroup, (s, v) => s with { RequiredGroup = v })
        .Text("ca", s => s.Ca, (s, v) => s with { Ca = v })
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1))
        .Size("responsebytes", s => s.ResponseBytes, (s, v) => s with { ResponseBytes = v }, 4 << 10, 16 << 20);

    /// <summary>The source of its users, as accounts are linked to it.</summary>
    internal string Source => "oidc:" + Name;

    internal string Title => DisplayName ?? Name;

    /// <summary>The issuer with the defaults of its kind; empty if one must be given.</summary>
    internal string IssuerOrDefault => Issuer ?? Kind switch
    {
        OpenIdKind.GitHub => "https://github.com",
        OpenIdKind.GitLab => "https://gitlab.com",
        _ => "",
    };

    internal string ScopeOrDefault => string.Join(' ', Scopes.Count > 0 ? Scopes : Kind == OpenIdKind.GitHub
        ? ["read:user", "user:email", "read:org"]
        : ["openid", "profile", "email"]);
}

/// <summary>How long a browser stays signed in.</summary>
public sealed record SessionSettings
{
    /// <summary>After a sign-in. Default: NIST SP 800-63B, section 2.2.3, for most uses.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Without any request. Default: a long meeting.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromHours(2);

    /// <summary>
    /// Sign-ins that ask other systems at once; anybody can begin one. Default: Berth's own; at a second each, more
    /// than a large company on a Monday.
    /// </summary>
    public int ConcurrentSignIns { get; init; } = 32;

    /// <summary>
    /// Programs that wait to be let in (<c>berth login</c>); anybody can ask. Default: Berth's own, some megabytes of
    /// the database.
    /// </summary>
    public int WaitingDevices { get; init; } = 10_000;

    internal static SettingsTable<SessionSettings> Keys { get; } = new SettingsTable<SessionSettings>()
        .Duration("lifetime", s => s.Lifetime,
            (s, v) => s with { Lifetime = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365))
        .Duration("idle", s => s.Idle,
            (s, v) => s with { Idle = v }, TimeSpan.FromMinutes(2), TimeSpan.FromDays(365))
        .Number("concurrentsignins", s => s.ConcurrentSignIns,
            (s, v) => s with { ConcurrentSignIns = v }, 1, 10_000)
        .Number("waitingdevices", s => s.WaitingDevices, (s, v) => s with { WaitingDevices = v }, 1, 1_000_000);
}
