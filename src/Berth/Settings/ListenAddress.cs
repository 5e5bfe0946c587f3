using System.Globalization;
using System.Net;

namespace Berth.Settings;

/// <summary>
/// Where to listen: <c>:5000</c> (every address), <c>127.0.0.1:5000</c>, <c>[::1]:5000</c> or <c>localhost:5000</c>.
/// Port 0 lets the system choose.
/// </summary>
/// <param name="Host">An IP address without brackets, <c>localhost</c>, or empty for every address.</param>
/// <param name="Port">0 to 65535.</param>
/// <param name="IsLoopback">Whether only this machine reaches it.</param>
public readonly record struct ListenAddress(string Host, int Port, bool IsLoopback)
{
    private const string Localhost = "localhost";

    public static bool TryParse(string? text, out ListenAddress address)
    {
        address = default;
        var colon = text?.LastIndexOf(':') ?? -1;
        if (colon < 0) return false;
        var host = text!.AsSpan(0, colon);
        if (!ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            return false;

        if (host.IsEmpty)
        {
            address = new ListenAddress("", port, IsLoopback: false);
            return true;
        }

        if (host.Equals(Localhost, StringComparison.OrdinalIgnoreCase))
        {
            address = new ListenAddress(Localhost, port, IsLoopback: true);
            return true;
        }

        if (!TryParseHost(host, out var ip)) return false;
        address = new ListenAddress(ip.ToString(), port, IPAddress.IsLoopback(ip));
        return true;
    }

    public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    private static bool TryParseHost(ReadOnlySpan<char> host, out IPAddress ip)
    {
        if (host is ['[', .. var inner, ']'])
            return SettingsText.TryParseAddress(inner, out ip) && inner.Contains(':') && !inner.Contains('[');

        return SettingsText.TryParseAddress(host, out ip) && !host.Contains(':');
    }
}
