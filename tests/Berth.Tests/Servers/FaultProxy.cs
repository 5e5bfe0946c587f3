using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Berth.Tests.Servers;

/// <summary>
/// A proxy on loopback in front of one server, which passes everything unchanged until a test injects faults.
/// Before an HTTP server it knows requests, and a fault concerns a request; else it concerns a connection.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private const int BlockBytes = 64 * 1024;

    private static readonly TimeSpan BodyAfterAnswerLimit = TimeSpan.FromSeconds(10);

    private readonly string host;
    private readonly int port;
    private readonly bool isHttp;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource ending = new();
    private readonly ConcurrentDictionary<Socket, Task> connections = new();
    private readonly Task accepting;
    private volatile FaultSeries[] series = [];
    private volatile TaskCompletionSource open = OpenGate();

    private FaultProxy(string host, int port, bool isHttp)
    {
        this.host = host;
        this.port = port;
        this.isHttp = isHttp;
        listener.Start(backlog: 512);
        accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Where it listens, as a URL without a path: for <c>storage.s3.regionendpoint</c>.</summary>
    public Uri Address => new($"http://127.0.0.1:{Port}");

    /// <summary>How long each block of bytes waits in the proxy, in both directions.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>
    /// Connections are accepted, but neither bytes nor closes pass through. When it ends, what was held back continues.
    /// </summary>
    public bool IsBlackHole
    {
        get => !open.Task.IsCompleted;
        set
        {
            if (value && open.Task.IsCompleted) open = new(TaskCreationOptions.RunContinuationsAsynchronously);
            else if (!value) open.TrySetResult();
        }
    }

    /// <summary>How many connections are open now.</summary>
    public int Connections => connections.Count;

    /// <summary>Before any server, such as PostgreSQL.</summary>
    public static FaultProxy Start(string host, int port) => new(host, port, isHttp: false);

    /// <summary>Before an HTTP/1.1 server without TLS.</summary>
    public static FaultProxy StartHttp(Uri server) => new(server.Host, server.Port, isHttp: true);

    /// <summary>Brings a fault about, until the result is disposed of.</summary>
    /// <param name="fault">What happens.</param>
    /// <param name="count">How often at most.</param>
    /// <param name="every">1: each time; 3: to every third of those that it concerns.</param>
    /// <param name="requests">Which request lines it concerns. Null: all.</param>
    public FaultSeries Inject(
        Fault fault, int count = int.MaxValue, int every = 1, Func<string, bool>? requests = null)
    {
        if (!isHttp && (fault is Fault.Answer || requests is not null))
            throw new ArgumentException("Without HTTP there are no requests.", nameof(fault));
        var added = new FaultSeries(fault, count, every, requests ?? (_ => true));
        series = [.. series, added];
        return added;
    }

    /// <summary>Resets every open connection, on both sides.</summary>
    public void BreakConnections()
    {
        foreach (var socket in connections.Keys) Reset(socket);
    }

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        listener.Stop();
        await accepting;
        BreakConnections();
        IsBlackHole = false;
        await Task.WhenAll(connections.Values);
        listener.Dispose();
        ending.Dispose();
    }

    private static TaskCompletionSource OpenGate()
    {
        var gate = new TaskCompletionSource();
        gate.SetResult();
        return gate;
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }

        socket.Dispose();
    }

    private Fault? Strike(string requestLine)
    {
        foreach (var one in series)
        {
            if (one.Strike(requestLine) is { } fault) return fault;
        }

        return null;
    }

    private async Task AcceptAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptSocketAsync(ending.Token);
                client.NoDelay = true;
                var isListed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                connections[client] = ServeAsync(client, isListed.Task);
                isListed.SetResult();
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The end, or a client that left before it was accepted.
            }
        }
    }

    private async Task ServeAsync(Socket client, Task isListed)
    {
        await isListed;
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (isHttp) await RelayRequestsAsync(client, server);
            else await RelayBytesAsync(client, server);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException
            or OperationCanceledException or TimeoutException or FaultException)
        {
            Reset(server);
            Reset(client);
        }
        finally
        {
            connections.TryRemove(client, out _);
            client.Dispose();
        }
    }

    private async Task RelayBytesAsync(Socket client, Socket server)
    {
        await open.Task;
        var fault = Strike("");
        if (fault is Fault.Drop) throw new FaultException();
        if (fault is Fault.Wait { Time: var time }) await Task.Delay(time, ending.Token);
        await server.ConnectAsync(host, port, ending.Token);
        long? answerBytes = fault switch
        {
            Fault.Truncate { Bytes: var bytes } => bytes,
            Fault.DropAnswer => 0,
            _ => null,
        };
        var requests = PumpAsync(client, server, null);
        var answers = PumpAsync(server, client, answerBytes);
        // The first that fails ends both: the other may wait for bytes that never come.
        await (await Task.WhenAny(requests, answers));
        await Task.WhenAll(requests, answers);
    }

    private async Task PumpAsync(Socket from, Socket to, long? limit)
    {
        var buffer = new byte[BlockBytes];
        var send = Sender(to, limit);
        try
        {
            while (await from.ReceiveAsync(buffer.AsMemory(), ending.Token) is > 0 and var count)
                await send(buffer.AsMemory(0, count));
            await open.Task;
            to.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            Reset(from);
            Reset(to);
            throw;
        }
    }

    private async Task RelayRequestsAsync(Socket client, Socket server)
    {
        await using var clientStream = new NetworkStream(client);
        var requests = new HttpFraming(clientStream);
        HttpFraming? answers = null;
        while (await requests.ReadHeadAsync(ending.Token) is { } head)
        {
            await open.Task;
            var fault = Strike(head.StartLine);
            if (fault is Fault.Drop) throw new FaultException();
            if (fault is Fault.Wait { Time: var time }) await Task.Delay(time, ending.Token);
            if (fault is Fault.Answer { Status: var status })
            {
                if (!await AnswerAsync(client, requests, head, status)) return;
                continue;
            }

            if (answers is null)
            {
                await server.ConnectAsync(host, port, ending.Token);
                answers = new HttpFraming(new NetworkStream(server));
            }

            await Sender(server, null)(head.Bytes);
            var body = RelayBodyAsync(requests, head, client, server);
            var goesOn = await RelayAnswerAsync(answers, head, client, fault);
            if (goesOn) await body.WaitAsync(BodyAfterAnswerLimit, ending.Token);
            else return;
        }
    }

    /// <summary>Hands a request's body on. When the client leaves in the middle, the server learns it.</summary>
    private async Task RelayBodyAsync(HttpFraming requests, HttpHead head, Socket client, Socket server)
    {
        var send = Sender(server, null);
        var isServerThere = true;
        try
        {
            await requests.CopyRequestBodyAsync(head, SendOrDropAsync, ending.Token);
        }
        catch
        {
            Reset(server);
            Reset(client);
            throw;
        }

        // A server may answer and close without having read the body. Then its answer counts.
        async Task SendOrDropAsync(ReadOnlyMemory<byte> block)
        {
            try
            {
                if (isServerThere) await send(block);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                isServerThere = false;
            }
        }
    }

    /// <returns>Whether the connections can take another request.</returns>
    private async Task<bool> RelayAnswerAsync(HttpFraming answers, HttpHead request, Socket client, Fault? fault)
    {
        var head = await answers.ReadHeadAsync(ending.Token) ?? throw new EndOfStreamException();
        while (head.Status is >= 100 and < 200)
        {
            await Sender(client, null)(head.Bytes);
            head = await answers.ReadHeadAsync(ending.Token) ?? throw new EndOfStreamException();
        }

        if (fault is Fault.DropAnswer) throw new FaultException();
        await Sender(client, null)(head.Bytes);
        var send = Sender(client, (fault as Fault.Truncate)?.Bytes);
        var toHead = request.StartLine.StartsWith("HEAD ", StringComparison.Ordinal);
        return await answers.CopyAnswerBodyAsync(head, toHead, send, ending.Token) && !head.Closes;
    }

    /// <summary>Answers without the server. A body that the client holds back (Expect) is not requested.</summary>
    /// <returns>Whether the connection can take another request.</returns>
    private async Task<bool> AnswerAsync(Socket client, HttpFraming requests, HttpHead head, int status)
    {
        if (!head.ExpectsContinue)
            await requests.CopyRequestBodyAsync(head, _ => Task.CompletedTask, ending.Token);
        var code = status == 503 ? "SlowDown" : "InternalError";
        var body = $"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>"
            + "<Message>Please try again.</Message><RequestId>1</RequestId></Error>";
        var connection = head.ExpectsContinue ? "close" : "keep-alive";
        var answer = $"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\n"
            + $"Content-Length: {body.Length}\r\nConnection: {connection}\r\n\r\n";
        if (!head.StartLine.StartsWith("HEAD ", StringComparison.Ordinal)) answer += body;
        await Sender(client, null)(Encoding.ASCII.GetBytes(answer));
        return !head.ExpectsContinue;
    }

    /// <summary>Sends to a socket under the faults of the moment.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="limit">After so many bytes it breaks. Null: never.</param>
    private Func<ReadOnlyMemory<byte>, Task> Sender(Socket to, long? limit)
    {
        var left = limit ?? long.MaxValue;
        return async block =>
        {
            await open.Task;
            if (Delay > TimeSpan.Zero) await Task.Delay(Delay, ending.Token);
            var part = block[..(int)Math.Min(left, block.Length)];
            for (var sent = 0; sent < part.Length;)
                sent += await to.SendAsync(part[sent..], SocketFlags.None, ending.Token);
            left -= part.Length;
            if (left > 0 || limit is null) return;
            // So that what was sent arrives, and is not lost in the reset.
            await Task.Delay(50, ending.Token);
            throw new FaultException();
        };
    }

    /// <summary>Ends a connection with a reset.</summary>
    private sealed class FaultException : Exception;
}
