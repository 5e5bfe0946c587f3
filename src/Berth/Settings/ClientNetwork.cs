using System.Net;
using System.Net.Sockets;

namespace Berth.Settings;

/// <summary>Whom the limits for one client count as one.</summary>
internal static class ClientNetwork
{
    /// <summary>
    /// An IPv4 address as it is. Who has an IPv6 address has the 2⁶⁴ of its network: they count as one, except on this
    /// machine.
    /// </summary>
    public static IPAddress Of(IPAddress? address)
    {
        if (address is null) return IPAddress.None;
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (IPAddress.IsLoopback(address)) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }
}
