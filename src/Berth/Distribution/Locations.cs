using System.Net;
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

    public string Of(HttpContext http, string path) =>
        settings.RelativeUrls ? prefix + path : AbsoluteOf(http, path);

    /// <summary>The same with scheme and host in any case, where a relative one means nothing.</summary>
    public string AbsoluteOf(HttpContext http, string path)
    {
        var request = http.Request;
        if (host is not null) return host + prefix + path;

        // A request of HTTP/1.0 may name no host.
        var local = http.Connection;
        var named = request.Host.HasValue
            ? request.Host.Value
            : new IPEndPoint(local.LocalIpAddress ?? IPAddress.Loopback, local.LocalPort).ToString();
        return $"{request.Scheme}://{named}{prefix}{path}";
    }
}
