using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>A connection, as one of many that share memory and descriptors.</summary>
internal sealed class OpenConnection(Socket socket, ConnectedClient client, TimeProvider clock)
{
    private static readonly AsyncLocal<OpenConnection?> Flowing = new();

    private readonly long openedAt = clock.GetTimestamp();
    private long idleSince = clock.GetTimestamp();
    private int running;
    private volatile bool hasBody;
    private volatile bool isSending;
    private long progressAt;
    private long acknowledged;

    /// <summary>The connection whose bytes this code receives, where it is the transport's.</summary>
    public static OpenConnection? Current
    {
        get => Flowing.Value;
        set => Flowing.Value = value;
    }

    /// <summary>Kestrel's side of it.</summary>
    public ConnectionContext Context { get; private set; } = null!;

    public ConnectedClient Client => client;

    /// <summary>It has brought at least one whole request.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>A request with a body is running: large blocks pay.</summary>
    public bool HasBody => hasBody;

    /// <summary>How many requests run; on HTTP/2 it may be many.</summary>
    public int Running => Volatile.Read(ref running);

    /// <summary>When the last request ended, or the connection began: a timestamp of the clock.</summary>
    public long IdleSince => Volatile.Read(ref idleSince);

    public TimeSpan Age => clock.GetElapsedTime(openedAt);

    /// <summary>Begins to receive.</summary>
    public ConnectionContext Start(SocketConnectionContextFactory factory)
    {
        Current = this;
        Context = factory.Create(socket);
        Current = null;
        Context.Features.Set(this);
        return Context;
    }

    public void BeginRequest(bool withBody)
    {
        Interlocked.Increment(ref running);
        if (withBody) hasBody = true;
    }

    public void EndRequest()
    {
        HasAnswered = true;
        Volatile.Write(ref idleSince, clock.GetTimestamp());
        if (Interlocked.Decrement(ref running) == 0) hasBody = false;
    }

    /// <summary>From now on the kernel sends a file, and Kestrel watches nothing.</summary>
    public void BeginSending()
    {
        Volatile.Write(ref progressAt, clock.GetTimestamp());
        isSending = true;
    }

    public void EndSending() => isSending = false;

    /// <summary>A file is being sent, and the client has acknowledged nothing for so long.</summary>
    public bool IsStalled(TimeSpan limit)
    {
        if (!isSending || TcpProgress.Of(socket) is not { } progress) return false;
        if (progress.AcknowledgedBytes != acknowledged)
        {
            acknowledged = progress.AcknowledgedBytes;
            Volatile.Write(ref progressAt, clock.GetTimestamp());
        }

        return clock.GetElapsedTime(Volatile.Read(ref progressAt)) >= limit;
    }

    /// <summary>What it has carried in both directions, on average since it was opened.</summary>
    public double BytesPerSecond => (TcpProgress.Of(socket)?.TotalBytes ?? 0) / Math.Max(1, Age.TotalSeconds);

    public void Close(string reason) => Context.Abort(new ConnectionAbortedException(reason));
}

/// <summary>Everybody at one address.</summary>
internal sealed class ConnectedClient(IPAddress address, bool isProxy)
{
    public IPAddress Address => address;

    /// <summary>A trusted proxy: many clients, whose connections nobody can tell apart here.</summary>
    public bool IsProxy => isProxy;

    /// <summary>How many connections are open.</summary>
    public int Count { get; set; }

    /// <summary>How much of the whole it takes. A proxy counts as the most modest.</summary>
    public int Greed => isProxy ? 0 : Count;
}
