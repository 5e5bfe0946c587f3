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

    /// <param name="http">The request whose answer sets it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="path">The path below which the browser sends it.</param>
    /// <param name="lifetime">After which the browser forgets it.</param>
    public void Set(HttpContext http, string name, string value, string path, TimeSpan lifetime) =>
        http.Response.Cookies.Append(name, value, OptionsFor(http, path, lifetime));

    public void Remove(HttpContext http, string name, string path) =>
        http.Response.Cookies.Append(name, "", OptionsFor(http, path, TimeSpan.Zero));

    private CookieOptions OptionsFor(HttpContext http, string path, TimeSpan lifetime) => new()
    {
        HttpOnly = true,

        // Lax: it must come along when another site's page sends the browser back here.
        SameSite = SameSiteMode.Lax,
        Secure = http.Request.IsHttps || isHostOverTls,
        Path = prefix + path,
        MaxAge = lifetime,
        IsEssential = true,
    };
}
