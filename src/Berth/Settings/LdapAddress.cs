using System.Net;

namespace Berth.Settings;

/// <summary>A server of a directory, from a URL such as <c>ldaps://ldap.example.com:636</c> (RFC 4516).</summary>
/// <param name="Host">A name or an IP address, without brackets.</param>
/// <param name="Port">The TCP port.</param>
/// <param name="IsTls">Whether the connection begins with TLS.</param>
internal readonly record struct LdapAddress(string Host, int Port, bool IsTls)
{
    private const int PlainPort = 389;
    private const int TlsPort = 636;

    public bool IsLoopback =>
        Host == "localhost" || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    public static bool TryParse(string url, out LdapAddress address)
    {
        address = default;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri)) return false;
        if (uri.Scheme is not ("ldap" or "ldaps") || uri.DnsSafeHost.Length == 0) return false;
        if (uri is not { AbsolutePath: "" or "/", Query: "", Fragment: "", UserInfo: "" }) return false;
        var isTls = uri.Scheme == "ldaps";
        var port = uri.Port > 0 ? uri.Port : isTls ? TlsPort : PlainPort;
        address = new LdapAddress(uri.DnsSafeHost, port, isTls);
        return true;
    }

    public override string ToString()
    {
        var host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        return $"{(IsTls ? "ldaps" : "ldap")}://{host}:{Port}";
    }
}
