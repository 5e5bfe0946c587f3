using System.Net;
using Berth.Settings;

namespace Berth.Transport;

/// <summary>The addresses of <c>http.trustedproxies</c>.</summary>
internal sealed class TrustedProxies(IReadOnlyList<string> settings)
{
    private readonly IPNetwork[] networks = [.. settings.Select(ParseNetwork)];

    public bool Contains(IPAddress? address)
    {
        if (address is null) return false;
        address = ClientNetwork.Unmapped(address);
        foreach (var network in networks)
        {
            if (network.Contains(address)) return true;
        }

        return false;
    }

    private static IPNetwork ParseNetwork(string text)
    {
        if (IPAddress.TryParse(text, out var ip)) return new IPNetwork(ip, ip.GetAddressBytes().Length * 8);
        return IPNetwork.TryParse(text, out var network)
            ? network
            : throw new StartException(
                $"http.trustedproxies: '{text}' is neither an address nor a range like 10.0.0.0/8");
    }
}
