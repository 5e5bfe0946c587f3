using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Berth.Settings;

/// <summary>What the per-client limits count as one client.</summary>
internal static class ClientNetwork
{
    /// <summary>
    /// An IPv4 address as it is. Whoever has one IPv6 address has the other 2⁶⁴ of its /64 too, so they count as one,
    /// except on this machine.
    /// </summary>
    public static IPAddress Of(IPAddress? address)
    {
        if (address is null) return IPAddress.None;
        address = Unmapped(address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        if (IPAddress.IsLoopback(address)) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }

    /// <summary>Whether an address is in one of these networks.</summary>
    public static bool IsIn(IReadOnlyList<IPNetwork> networks, IPAddress? address)
    {
        if (address is null) return false;
        address = Unmapped(address);
        for (var i = 0; i < networks.Count; i++)
        {
            if (networks[i].Contains(address)) return true;
        }

        return false;
    }

    /// <summary>The address that a request came from, as people write it; null if it came from none.</summary>
    public static string? AddressOf(HttpContext http) => Unmapped(http.Connection.RemoteIpAddress)?.ToString();

    /// <summary>
    /// A socket for both versions of IP shows IPv4 clients at addresses like ::ffff:192.0.2.1, which is 192.0.2.1.
    /// </summary>
    [return: NotNullIfNotNull(nameof(address))]
    public static IPAddress? Unmapped(IPAddress? address) =>
        address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
