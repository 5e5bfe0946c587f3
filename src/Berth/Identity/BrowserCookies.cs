using Berth.Settings;

namespace Berth.Identity;

/// <summary>Sets cookies that only this registry gets, and no script.</summary>
internal sealed class BrowserCookies(HttpSettings settings)
{
    private readonly string prefix = settings.Prefix.TrimEnd('/');
    private readonly bool isHostOverTls =
        settings.Host?.StartsWith("https:", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>The URL at which browsers reach the registry, if it is known.</summary>
    public string? Host => settings.Host;

    /// <summary>The path of the registry's front page, as browsers see it.</summary>
    public string Root => prefix + "/";

    /// <summary>A path of the registry, as browsers see it.</summary>
    public string PathOf(string path) => prefix + path;

    /// <summary>A cookie's value; null if the browser sent none.</summary>
    public string? Find(HttpRequest request, string name) => request.Cookies[NameOf(request, name)];

    /// <param name="http">The request whose answer sets it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="path">The path below which the browser sends it.</param>
    /// <param name="lifetime">After which the browser forgets it.</param>
    public void Set(HttpContext http, string name, string value, string path, TimeSpan lifetime) =>
        http.Response.Cookies.Append(NameOf(http.Request, name), value, OptionsFor(http, path, lifetime));

    public void Remove(HttpContext http, string name, string path) =>
        http.Response.Cookies.Append(NameOf(http.Request, name), "", OptionsFor(http, path, TimeSpan.Zero));

    /// <summary>
    /// The name as browsers have it. One with this prefix they take only over TLS and from this host itself (RFC 6265,
    /// revision bis, section 4.1.3.2): otherwise, a neighbour in the same domain could sign its visitors in here as
    /// somebody else. Below a path, the host has neighbours anyway.
    /// </summary>
    public string NameOf(HttpRequest request, string name) =>
        IsOfHost(request) ? "__Host-" + name : name;

    private bool IsSecure(HttpRequest request) => request.IsHttps || isHostOverTls;

    private bool IsOfHost(HttpRequest request) => IsSecure(request) && prefix.Length == 0;

    private CookieOptions OptionsFor(HttpContext http, string path, TimeSpan lifetime) => new()
    {
        HttpOnly = true,

        // Lax: it must come along when another site's page sends the browser back here.
        SameSite = SameSiteMode.Lax,
        Secure = IsSecure(http.Request),
        Path = IsOfHost(http.Request) ? "/" : prefix + path,
        MaxAge = lifetime,
        IsEssential = true,
    };
}
