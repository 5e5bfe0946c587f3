using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// Writes Location and Link headers: relative to the host by default, so that no proxy can make them wrong; else with
/// <c>http.host</c> before them, or the scheme and host that the request came by. <c>http.prefix</c> stands before
/// each path.
/// </summary>
internal sealed class Locations(HttpSettings settings)
{
    private readonly string? host = settings.Host?.TrimEnd('/');
    private readonly string prefix = settings.Prefix.TrimEnd('/');

    public string Of(HttpContext http, string path)
    {
        var request = http.Request;
        if (settings.RelativeUrls) return prefix + path;
        return host is not null ? host + prefix + path : $"{request.Scheme}://{request.Host}{prefix}{path}";
    }
}
