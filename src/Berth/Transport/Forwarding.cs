using System.Buffers;
using System.Net;
using Berth.Settings;

namespace Berth.Transport;

/// <summary>
/// Believes what trusted proxies say of the request they took: <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c>,
/// or <c>Forwarded</c> (RFC 7239) where there is none of those. Each proxy adds at the right, so they are read from
/// there for as long as the one who wrote is trusted; whatever an untrusted client put at the left never counts. A
/// path before <c>/v2/</c> comes from <c>http.prefix</c> alone: proxies pass a client's <c>X-Forwarded-Prefix</c> on.
/// </summary>
internal sealed class Forwarding(RequestDelegate next, HttpSettings settings)
{
    private const int MaxRequestIdChars = 128;

    private static readonly SearchValues<char> RequestIdChars =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:=");

    private static readonly SearchValues<char> HostChars =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:[]");

    private readonly TrustedProxies trusted = new(settings.TrustedProxies);

    public Task HandleAsync(HttpContext http)
    {
        if (trusted.Contains(http.Connection.RemoteIpAddress)) Apply(http);
        return next(http);
    }

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
            if (!trusted.Contains(client)) return;
        }
    }

    private static bool IsHost(string? text) =>
        text is { Length: > 0 and <= 261 } && !text.AsSpan().ContainsAnyExcept(HostChars);

    /// <summary>An address with or without a port. Names such as <c>unknown</c> and <c>_hidden</c> are none.</summary>
    private static bool TryParseClient(string text, out IPAddress? address)
    {
        address = IPEndPoint.TryParse(text, out var endpoint) ? ClientNetwork.Unmapped(endpoint.Address) : null;
        return address is not null;
    }
}
