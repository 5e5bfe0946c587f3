using System.Buffers;
using System.Net;
using Berth.Settings;

namespace Berth.Transport;

/// <summary>
/// Applies what trusted proxies report about the original request: <c>X-Forwarded-For</c>, <c>-Proto</c> and
/// <c>-Host</c>, or <c>Forwarded</c> (RFC 7239) if there are none of those. Each proxy appends on the right, so they
/// are read from there for as long as their writer is trusted; whatever an untrusted client put on the left never
/// counts. A path before <c>/v2/</c> only comes from <c>http.prefix</c>: proxies pass on a client's
/// <c>X-Forwarded-Prefix</c>.
/// </summary>
internal sealed class Forwarding(RequestDelegate next, HttpSettings settings)
{
    private const int MaxRequestIdChars = 128;

    private static readonly SearchValues<char> RequestIdChars =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:=");

    private static readonly SearchValues<char> HostChars =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:[]");

    public Task HandleAsync(HttpContext http)
    {
        if (IsTrusted(http.Connection.RemoteIpAddress)) Apply(http);
        return next(http);
    }

    private bool IsTrusted(IPAddress? address) => ClientNetwork.IsIn(settings.TrustedProxies, address);

    private void Apply(HttpContext http)
    {
        var request = http.Request;
        if (request.Headers["X-Request-Id"] is [{ Length: > 0 and <= MaxRequestIdChars } id]
            && !id.AsSpan().ContainsAnyExcept(RequestIdChars))
        {
            http.TraceIdentifier = id;
        }

        foreach (var hop in ForwardedHop.ReadNearestFirst(request.Headers))
        {
            if (hop.Proto?.ToLowerInvariant() is "http" or "https") request.Scheme = hop.Proto.ToLowerInvariant();
            if (IsHost(hop.Host)) request.Host = new HostString(hop.Host!);
            if (hop.For is null || !TryParseClient(hop.For, out var client)) return;
            http.Connection.RemoteIpAddress = client;
            if (!IsTrusted(client)) return;
        }
    }

    private static bool IsHost(string? text) =>
        text is { Length: > 0 and <= 261 } && !text.AsSpan().ContainsAnyExcept(HostChars);

    /// <summary>
    /// An address with or without a port. Names such as <c>unknown</c> and <c>_hidden</c> are not addresses.
    /// </summary>
    private static bool TryParseClient(string text, out IPAddress? address)
    {
        address = IPEndPoint.TryParse(text, out var endpoint) ? ClientNetwork.Unmapped(endpoint.Address) : null;
        return address is not null;
    }
}
