namespace Berth.Settings;

/// <summary>Whose requests a limit counts.</summary>
public enum RateLimitFor
{
    Everyone,

    /// <summary>Requests without credentials.</summary>
    Anonymous,

    /// <summary>Requests of those who signed in.</summary>
    Users,
}

/// <summary>Which requests a limit counts.</summary>
public enum RateLimitKind
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>GET of a manifest, as Docker Hub counts pulls. HEAD is free.</summary>
    Pull,

    /// <summary>PUT of a manifest.</summary>
    Push,

    /// <summary>Catalog, tags and referrers.</summary>
    List,

    /// <summary>Requests for access tokens.</summary>
    Token,

    /// <summary>Requests to <c>/api/v1</c>.</summary>
    Api,
}

/// <summary>A limit on how many requests somebody may send in a time.</summary>
public sealed record RateLimitSettings
{
    public RateLimitFor For { get; init; } = RateLimitFor.Everyone;

    public RateLimitKind Kind { get; init; } = RateLimitKind.All;

    /// <summary>
    /// Whether to count by address even those who signed in. Default: they are counted by name, since many may share an
    /// address.
    /// </summary>
    public bool ByAddress { get; init; }

    /// <summary>Requests in a window. Default: what Docker Hub grants without signing in.</summary>
    public int Requests { get; init; } = 100;

    /// <summary>The length of the window, which begins with its first request. Default: Docker Hub's.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromHours(6);

    internal static SettingsTable<RateLimitSettings> Keys { get; } = new SettingsTable<RateLimitSettings>()
        .Choice("for", s => s.For, (s, v) => s with { For = v })
        .Choice("kind", s => s.Kind, (s, v) => s with { Kind = v })
        .Switch("byaddress", s => s.ByAddress, (s, v) => s with { ByAddress = v })
        .Number("requests", s => s.Requests, (s, v) => s with { Requests = v }, 1, 1_000_000_000)
        .Duration(
            "window", s => s.Window, (s, v) => s with { Window = v }, TimeSpan.FromSeconds(1), TimeSpan.FromDays(31));
}
