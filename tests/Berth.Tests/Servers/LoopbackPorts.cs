using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Berth.Tests.Servers;

/// <summary>
/// Ports for servers that are told their port and may stop and start again on it. They lie below those that the system
/// gives to outgoing connections, so none is taken while its server is away.
/// </summary>
internal static class LoopbackPorts
{
    private const int First = 10_000;
    private const int AfterLast = 32_000;

    private static readonly ConcurrentDictionary<int, bool> Given = new();

    /// <summary>A port on which nothing listens, and that nobody else in this run was given.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = RandomNumberGenerator.GetInt32(First, AfterLast);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                if (Given.TryAdd(port, true)) return port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Another one, then.
            }
        }
    }
}
