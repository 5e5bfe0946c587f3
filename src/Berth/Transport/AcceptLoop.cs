using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>Accepts connections from one listening socket, as long as there is room for them.</summary>
internal sealed partial class AcceptLoop(
    Socket listening, SocketConnectionContextFactory factory, OpenConnections connections, bool saysWhy,
    TimeProvider clock, ILogger<AcceptLoop> log) : IConnectionListener
{
    private static readonly TimeSpan RestWhileFull = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan RestWithoutDescriptors = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ReportedEvery = TimeSpan.FromSeconds(30);

    private const string RefusalBody =
        """{"errors":[{"code":"TOOMANYREQUESTS","message":"too many connections from this address"}]}""";

    private static readonly byte[] Refusal = Encoding.ASCII.GetBytes(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {RefusalBody.Length}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n{RefusalBody}");

    private readonly CancellationTokenSource unbound = new();
    private bool hasReported;
    private long reportedAt;

    public EndPoint EndPoint { get; } = listening.LocalEndPoint!;

    /// <summary>Null once the socket has been closed.</summary>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Socket? accepted = null;
            try
            {
                accepted = await listening.AcceptAsync(cancellationToken);
                if (await AdmitAsync(accepted) is { } connection) return connection;
            }
            catch (Exception e) when (unbound.IsCancellationRequested && e is not SocketException
                || e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                accepted?.Dispose();
                return null;
            }
            catch (SocketException e)
            {
                accepted?.Dispose();

                // Anything else is a client that went away while waiting.
                if (e.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
                {
                    connections.MakeRoom(IPAddress.None, isShort: true);
                    Report(e.Message);
                    await RestAsync(RestWithoutDescriptors);
                }
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        unbound.Cancel();
        listening.Dispose();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    private async ValueTask<ConnectionContext?> AdmitAsync(Socket accepted)
    {
        var address = (accepted.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        accepted.NoDelay = true;
        var isShort = accepted.Handle > connections.Bounds.LastDescriptor;
        var closed = connections.ClosedForRoom;
        while (true)
        {
            var room = connections.MakeRoom(address, isShort);
            if (room == Room.Yes) break;
            Report(room == Room.NotNow ? "all are busy" : $"{address} has its share of them");
            if (room == Room.NotForClient)
            {
                Refuse(accepted);
                return null;
            }

            await RestAsync(RestWhileFull);
            unbound.Token.ThrowIfCancellationRequested();
        }

        if (connections.ClosedForRoom != closed) Report("closing idle or slow ones for new ones");
        return connections.Open(accepted, address, factory);
    }

    /// <summary>Best effort: a client that is slow to read sees a reset instead.</summary>
    private void Refuse(Socket accepted)
    {
        try
        {
            accepted.Blocking = false;
            if (saysWhy) accepted.Send(Refusal);
            accepted.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // It went away by itself.
        }

        accepted.Dispose();
    }

    private async Task RestAsync(TimeSpan time) =>
        await Task.Delay(time, clock, unbound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private void Report(string reason)
    {
        if (hasReported && clock.GetElapsedTime(reportedAt) < ReportedEvery) return;
        (hasReported, reportedAt) = (true, clock.GetTimestamp());
        LogFull(connections.Bounds.All, connections.Bounds.PerClient, reason, connections.ClosedForRoom);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "Connections are at their limit, {All} in total and {PerClient} per client (limits.concurrentconnections, "
        + "limits.connectionsperclient): {Reason}. {Closed} have been closed for others since the start")]
    private partial void LogFull(int all, int perClient, string reason, long closed);
}
