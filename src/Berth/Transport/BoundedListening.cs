using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Berth.Transport;

/// <summary>
/// Kestrel's sockets, with our own accept loop: Kestrel's accepts connections until memory runs out, and when
/// descriptors run out (EMFILE) it retries at once and forever.
/// </summary>
internal sealed class BoundedListening(
    IOptions<SocketTransportOptions> sockets, OpenConnections connections, HttpSettings http, TimeProvider clock,
    ILoggerFactory logs) : IConnectionListenerFactory, IDisposable
{
    private readonly SocketConnectionContextFactory factory = new(
        CopyOf(sockets.Value), logs.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket socket;
        try
        {
            socket = sockets.Value.CreateBoundListenSocket(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }

        socket.Listen(sockets.Value.Backlog);
        return new ValueTask<IConnectionListener>(new AcceptLoop(
            socket, factory, connections, saysWhy: http.Tls.Certificate is null, clock,
            logs.CreateLogger<AcceptLoop>()));
    }

    public void Dispose() => factory.Dispose();

    /// <summary>The public constructor can't pass on the memory pool.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SocketConnectionFactoryOptions CopyOf(SocketTransportOptions options);
}
