using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>One of many connections that share memory and descriptors.</summary>
internal sealed class OpenConnection(Socket socket, ConnectedClient client, TimeProvider clock)
{
    private static readonly TimeSpan ShortestBetweenLooks = TimeSpan.FromMilliseconds(250);
    private static readonly AsyncLocal<OpenConnection?> Flowing = new();

    /// <summary>No client can have seen an answer and sent its next request within this time.</summary>
    private static readonly TimeSpan ShortestRoundTrip = TimeSpan.FromMicroseconds(50);

    private long idleSince = clock.GetTimestamp();
    private int running;
    private volatile bool hasBody;
    private volatile bool isSending;
    private long begun;
    private long begunAt;
    private long progressAt;

    // What Look found: nothing else writes it.
    private long lookedAt;
    private long lookedAtRequest;
    private TcpProgress progress;
    private double bytesPerSecond = double.MaxValue;

    /// <summary>The connection for which the transport is receiving in this context.</summary>
    public static OpenConnection? Current
    {
        get => Flowing.Value;
        set => Flowing.Value = value;
    }

    /// <summary>Kestrel's side of it.</summary>
    public ConnectionContext Context { get; private set; } = null!;

    public ConnectedClient Client => client;

    /// <summary>It has completed at least one request.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>A request with a body is running: large blocks pay off.</summary>
    public bool HasBody => hasBody;

    /// <summary>It has one of the places for HTTP/2, which <see cref="OpenConnections"/> counts.</summary>
    public bool HasHttp2Place { get; set; }

    /// <summary>It speaks HTTP/2, whose clients can hold back answers before they reach the socket.</summary>
    public bool HasStreams { get; private set; }

    /// <summary>How many requests are running; on HTTP/2 there may be many.</summary>
    public int Running => Volatile.Read(ref running);

    /// <summary>
    /// The last request to begin had been sent before the previous one was answered. Kestrel answers such requests one
    /// after the other without giving way, so other connections should get the thread first.
    /// </summary>
    public bool IsPipelined { get; private set; }

    /// <summary>The time since the last request ended, or the connection began.</summary>
    public TimeSpan IdleFor => clock.GetElapsedTime(Volatile.Read(ref idleSince));

    /// <summary>The kernel is sending a file over it, and Kestrel enforces no timeout.</summary>
    public bool IsSending => isSending;

    /// <summary>
    /// Its recent rate in both directions, as of the last check, excluding the time before this request. A receiving
    /// client is judged by its rate in that time; a sending one may pause, since we may be the slow side; one that has
    /// sent no body and has read all there is waits for us, and has no rate.
    /// </summary>
    public double BytesPerSecond => IsNewRequest ? double.MaxValue : bytesPerSecond;

    /// <summary>This request has not been checked yet, but has run long enough to be judged.</summary>
    public bool IsDueForFirstLook =>
        IsNewRequest && clock.GetElapsedTime(Volatile.Read(ref begunAt)) >= ShortestBetweenLooks;

    /// <summary>How long a client that is being sent a file has acknowledged nothing, as of the last check.</summary>
    public TimeSpan StalledFor => isSending ? clock.GetElapsedTime(Volatile.Read(ref progressAt)) : TimeSpan.Zero;

    /// <summary>Starts receiving.</summary>
    public ConnectionContext Start(SocketConnectionContextFactory factory)
    {
        Current = this;
        Context = factory.Create(socket);
        Current = null;
        Context.Features.Set(this);
        return Context;
    }

    public void BeginRequest(bool withBody, bool isStream)
    {
        HasStreams = isStream;
        if (Running == 0)
        {
            var now = clock.GetTimestamp();
            IsPipelined = HasAnswered && clock.GetElapsedTime(Volatile.Read(ref idleSince), now) < ShortestRoundTrip;
            Volatile.Write(ref begunAt, now);
            Interlocked.Increment(ref begun);
        }

        Interlocked.Increment(ref running);
        if (withBody) hasBody = true;
    }

    public void EndRequest()
    {
        HasAnswered = true;
        Volatile.Write(ref idleSince, clock.GetTimestamp());
        if (Interlocked.Decrement(ref running) == 0) hasBody = false;
    }

    public void BeginSending()
    {
        Volatile.Write(ref progressAt, clock.GetTimestamp());
        isSending = true;
    }

    public void EndSending() => isSending = false;

    /// <summary>Updates the rates from the kernel's counters, at most every so often. Calls must not overlap.</summary>
    public void Look()
    {
        var (now, request) = (clock.GetTimestamp(), Volatile.Read(ref begun));
        var isNew = request != lookedAtRequest;
        var since = isNew ? Volatile.Read(ref begunAt) : lookedAt;
        var seconds = clock.GetElapsedTime(since, now).TotalSeconds;
        if (seconds < ShortestBetweenLooks.TotalSeconds || TcpProgress.Of(socket) is not { } current) return;

        // Bytes before the first request are negligible. Before a later one their number is unknown, so that request
        // gets no rate until the next look.
        if (isNew) bytesPerSecond = double.MaxValue;
        if (!isNew || request == 1)
        {
            var speed = (current.TotalBytes - progress.TotalBytes) / seconds;
            var lately = bytesPerSecond < double.MaxValue ? bytesPerSecond / 4 : 0;
            bytesPerSecond = isSending ? speed : Math.Max(speed, lately);
            if (!hasBody && !HasStreams && current.IsAllRead) bytesPerSecond = double.MaxValue;
        }

        if (current.AcknowledgedBytes != progress.AcknowledgedBytes) Volatile.Write(ref progressAt, now);
        (progress, lookedAt, lookedAtRequest) = (current, now, request);
    }

    private bool IsNewRequest => Volatile.Read(ref begun) != lookedAtRequest;

    public void Close(string reason) => Context.Abort(new ConnectionAbortedException(reason));
}

/// <summary>All clients at one address.</summary>
internal sealed class ConnectedClient(IPAddress address, bool isProxy)
{
    public IPAddress Address => address;

    /// <summary>A trusted proxy: many clients whose connections can't be told apart.</summary>
    public bool IsProxy => isProxy;

    /// <summary>How many connections are open.</summary>
    public int Count { get; set; }

    /// <summary>Its share of the connections. A proxy counts as zero.</summary>
    public int Greed => isProxy ? 0 : Count;
}
