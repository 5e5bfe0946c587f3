using System.Net;
using System.Net.Sockets;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>Whether there is room for one more connection.</summary>
internal enum Room
{
    /// <summary>Yes, possibly because others were closed.</summary>
    Yes,

    /// <summary>Not now: every connection is busy.</summary>
    NotNow,

    /// <summary>Not for this client, whose share is used up by busy connections.</summary>
    NotForClient,
}

/// <summary>
/// All open connections. When there are as many as memory and descriptors allow, a new one replaces another, in this
/// order:
/// <list type="number">
/// <item>one with half a header or without a request, unless its last request has just ended;</item>
/// <item>a transfer slower than that of any working client;</item>
/// <item>one whose last request has just ended.</item>
/// </list>
/// Among these, the client with the most connections loses its longest idle or slowest one first.
/// </summary>
internal sealed class OpenConnections : IDisposable
{
    /// <summary>Slower transfers give way when there is no room: half a megabit, in bytes per second.</summary>
    private const double SlowBytesPerSecond = 64 * 1024;

    /// <summary>Closing several at a time keeps the search for them cheap.</summary>
    private const int ShareClosedAtOnce = 64;

    /// <summary>Pauses between the requests of one pull or push are shorter.</summary>
    private static readonly TimeSpan LongIdle = TimeSpan.FromSeconds(5);

    /// <summary>No connection is closed between two requests in quick succession.</summary>
    private static readonly TimeSpan LeastIdle = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LongestBetweenLooks = TimeSpan.FromSeconds(1);

    private readonly ConnectionBounds bounds;
    private readonly IReadOnlyList<IPNetwork> proxies;
    private readonly TimeProvider clock;
    private readonly TimeSpan stallLimit;
    private readonly ITimer looking;
    private readonly Lock changing = new();
    private readonly Dictionary<string, OpenConnection> open = new(StringComparer.Ordinal);
    private readonly Dictionary<IPAddress, ConnectedClient> clients = [];
    private int unfinished;
    private int withHttp2;
    private long closedForRoom;

    public OpenConnections(HttpSettings http, LimitSettings limits, TimeProvider clock)
    {
        this.clock = clock;
        bounds = ConnectionBounds.Of(limits);
        proxies = http.TrustedProxies;
        stallLimit = limits.ReaderStallTimeout;
        var interval = TimeSpan.FromTicks(Math.Min(stallLimit.Ticks / 4, LongestBetweenLooks.Ticks));
        looking = clock.CreateTimer(_ => Look(), null, interval, interval);
    }

    public ConnectionBounds Bounds => bounds;

    /// <summary>How many connections have been closed to make room since the start.</summary>
    public long ClosedForRoom => Interlocked.Read(ref closedForRoom);

    /// <summary>How many requests are running.</summary>
    public int RunningRequests
    {
        get
        {
            lock (changing) return open.Values.Sum(c => c.Running);
        }
    }

    /// <summary>Finds room for one more connection of this client, closing others if necessary.</summary>
    /// <param name="address">The client's.</param>
    /// <param name="isShort">The process is almost out of descriptors.</param>
    public Room MakeRoom(IPAddress address, bool isShort)
    {
        List<OpenConnection> leaving = [];
        try
        {
            lock (changing)
            {
                // Closed connections hold their memory until the server is done with them.
                if (unfinished >= bounds.All + (bounds.All / 4) + 1) return Room.NotNow;
                if (clients.TryGetValue(ClientNetwork.Of(address), out var client)
                    && !client.IsProxy && client.Count >= bounds.PerClient)
                {
                    ChooseLeaving(open.Values.Where(c => c.Client == client), bounds.PerClient, leaving);
                    if (leaving.Count == 0) return Room.NotForClient;
                }

                if (open.Count < bounds.All && !isShort) return Room.Yes;
                ChooseLeaving(open.Values, bounds.All, leaving);
                return leaving.Count > 0 ? Room.Yes : Room.NotNow;
            }
        }
        finally
        {
            foreach (var connection in leaving) connection.Close("its place was needed for another");
            Interlocked.Add(ref closedForRoom, leaving.Count);
        }
    }

    /// <summary>Starts receiving from an accepted socket.</summary>
    public ConnectionContext Open(Socket socket, IPAddress address, SocketConnectionContextFactory factory)
    {
        ConnectedClient? client;
        lock (changing)
        {
            var key = ClientNetwork.Of(address);
            if (!clients.TryGetValue(key, out client))
            {
                clients.Add(key, client = new ConnectedClient(address, IsProxy(address)));
            }

            client.Count++;
            unfinished++;
        }

        var connection = new OpenConnection(socket, client, clock);
        var context = connection.Start(factory);
        lock (changing) open.Add(context.ConnectionId, connection);
        return context;
    }

    /// <summary>The server has finished with the connection, and its memory is free.</summary>
    public void Remove(OpenConnection connection)
    {
        lock (changing)
        {
            unfinished--;
            Forget(connection);
        }

        ReturnHttp2Place(connection);
    }

    /// <summary>Takes one of the places for HTTP/2; false if there is none.</summary>
    public bool TryTakeHttp2Place(OpenConnection connection)
    {
        lock (changing)
        {
            if (connection.HasHttp2Place) return true;
            if (withHttp2 >= bounds.WithHttp2) return false;
            withHttp2++;
            return connection.HasHttp2Place = true;
        }
    }

    /// <summary>It has ended, or speaks HTTP/1.1.</summary>
    public void ReturnHttp2Place(OpenConnection connection)
    {
        lock (changing)
        {
            if (connection.HasHttp2Place) withHttp2--;
            connection.HasHttp2Place = false;
        }
    }

    /// <summary>The client's address, by the server's id for the connection.</summary>
    public IPAddress? FindClient(string connectionId)
    {
        lock (changing) return open.TryGetValue(connectionId, out var connection) ? connection.Client.Address : null;
    }

    public void Dispose() => looking.Dispose();

    /// <summary>A client on this machine most likely is one.</summary>
    private bool IsProxy(IPAddress address) => IPAddress.IsLoopback(address) || ClientNetwork.IsIn(proxies, address);

    private void ChooseLeaving(IEnumerable<OpenConnection> candidates, int bound, List<OpenConnection> leaving)
    {
        var count = Math.Max(1, bound / ShareClosedAtOnce);
        List<OpenConnection> idle = [.. candidates.Where(c => c.Running == 0)
            .OrderByDescending(c => c.Client.Greed).ThenBy(c => c.HasAnswered).ThenByDescending(c => c.IdleFor)];
        List<OpenConnection> chosen =
            [.. idle.Where(c => c.IdleFor >= (c.HasAnswered ? LongIdle : LeastIdle)).Take(count)];
        if (chosen.Count == 0)
        {
            foreach (var connection in candidates.Where(c => c.Running > 0 && c.IsDueForFirstLook)) connection.Look();
            chosen = [.. candidates.Where(c => c.Running > 0 && c.BytesPerSecond < SlowBytesPerSecond)
                .OrderByDescending(c => c.Client.Greed).ThenBy(c => c.BytesPerSecond).Take(count)];
        }

        // A few new connections are about to send a request; many are a flood.
        if (chosen.Count == 0 && idle.Count(c => !c.HasAnswered) > bound / 8) chosen = [.. idle.Take(count)];
        if (chosen.Count == 0) chosen = [.. idle.Where(c => c.IdleFor >= LeastIdle).Take(count)];
        foreach (var connection in chosen) Forget(connection);
        leaving.AddRange(chosen);
    }

    private void Forget(OpenConnection connection)
    {
        if (!open.Remove(connection.Context.ConnectionId)) return;
        if (--connection.Client.Count == 0) clients.Remove(ClientNetwork.Of(connection.Client.Address));
    }

    /// <summary>Speed does not matter while there is room for twice as many.</summary>
    private bool IsFilling => open.Count * 2 > bounds.All || clients.Values.Any(c => c.Count * 2 > bounds.PerClient);

    /// <summary>Checks each transfer's progress since the last check.</summary>
    private void Look()
    {
        List<OpenConnection> stalled = [];
        lock (changing)
        {
            var isFilling = IsFilling;
            foreach (var connection in open.Values)
            {
                if (isFilling ? connection.Running > 0 : connection.IsSending) connection.Look();
                if (connection.StalledFor >= stallLimit) stalled.Add(connection);
            }
        }

        foreach (var connection in stalled) connection.Close("the client has read nothing for too long");
    }
}
