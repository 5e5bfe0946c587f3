using System.Net;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// Writes Location and Link headers: relative to the host by default, so that no proxy can break them; otherwise with
/// <c>http.host</c>, or the request's scheme and host. Every path begins with <c>http.prefix</c>.
/// </summary>
internal sealed class Locations(HttpSettings settings)
{
    private readonly string? host = settings.Host?.TrimEnd('/');
    private readonly string prefix = settings.Prefix.TrimEnd('/');

    public string Of(HttpContext http, string path) =>
        settings.RelativeUrls ? prefix + path : AbsoluteOf(http, path);

    /// <summary>Always with scheme and host, for places where a relative URL means nothing.</summary>
    public string AbsoluteOf(HttpContext http, string path) => RootOf(http) + prefix + path;

    /// <summary>Scheme and host by which clients reach the registry.</summary>
    public string RootOf(HttpContext http)
    {
        var request = http.Request;
        if (host is not null) return host;

        // An HTTP/1.0 request may lack a host.
        var local = http.Connection;
        var named = request.Host.HasValue
            ? request.Host.Value
            : new IPEndPoint(local.LocalIpAddress ?? IPAddress.Loopback, local.LocalPort).ToString();
        return $"{request.Scheme}://{named}";
    }
}
