using System.Net;
using System.Net.Sockets;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>Whether there is room for one more connection.</summary>
internal enum Room
{
    /// <summary>Yes, maybe because others were closed.</summary>
    Yes,

    /// <summary>Not now: every connection is at work.</summary>
    NotNow,

    /// <summary>Not for this client, which has its share and is at work on all of it.</summary>
    NotForClient,
}

/// <summary>
/// All open connections. When there are as many as memory and descriptors allow, a new one takes the place of another:
/// <list type="number">
/// <item>of one with half a header or without a request, unless its last one is just over;</item>
/// <item>of a transfer that is slower than any working client's;</item>
/// <item>of one whose last request is just over.</item>
/// </list>
/// Of these, the client with the most connections loses first, and the longest idle or the slowest of its own.
/// </summary>
internal sealed class OpenConnections : IDisposable
{
    /// <summary>Below this a transfer gives way when there is no room: half a megabit, in bytes per second.</summary>
    private const double SlowBytesPerSecond = 64 * 1024;

    /// <summary>Closing several at a time keeps the search for them cheap.</summary>
    private const int ShareClosedAtOnce = 64;

    /// <summary>Between two requests of one pull or push it is less.</summary>
    private static readonly TimeSpan LongIdle = TimeSpan.FromSeconds(5);

    /// <summary>Nobody has to go between two requests that follow each other at once.</summary>
    private static readonly TimeSpan LeastIdle = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LongestBetweenLooks = TimeSpan.FromSeconds(1);

    private readonly ConnectionBounds bounds;
    private readonly TrustedProxies proxies;
    private readonly TimeProvider clock;
    private readonly TimeSpan stallLimit;
    private readonly ITimer looking;
    private readonly Lock changing = new();
    private readonly Dictionary<string, OpenConnection> open = new(StringComparer.Ordinal);
    private readonly Dictionary<IPAddress, ConnectedClient> clients = [];
    private int unfinished;
    private long closedForRoom;

    public OpenConnections(HttpSettings http, LimitSettings limits, TimeProvider clock)
    {
        this.clock = clock;
        bounds = ConnectionBounds.Of(limits);
        proxies = new TrustedProxies(http.TrustedProxies);
        stallLimit = limits.ReaderStallTimeout;
        var interval = TimeSpan.FromTicks(Math.Min(stallLimit.Ticks / 4, LongestBetweenLooks.Ticks));
        looking = clock.CreateTimer(_ => Look(), null, interval, interval);
    }

    public ConnectionBounds Bounds => bounds;

    /// <summary>How many connections had to make room since the start.</summary>
    public long ClosedForRoom => Interlocked.Read(ref closedForRoom);

    /// <summary>How many requests are running.</summary>
    public int RunningRequests
    {
        get
        {
            lock (changing) return open.Values.Sum(c => c.Running);
        }
    }

    /// <summary>Finds room for one more connection of this client, and closes others for it where it must.</summary>
    /// <param name="address">The client's.</param>
    /// <param name="isShort">The process is at its last descriptors.</param>
    public Room MakeRoom(IPAddress address, bool isShort)
    {
        List<OpenConnection> leaving = [];
        try
        {
            lock (changing)
            {
                // Those that were closed still have memory until the server is done with them.
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
            foreach (var connection in leaving) connection.Close("its place was needed");
            Interlocked.Add(ref closedForRoom, leaving.Count);
        }
    }

    /// <summary>Begins to receive from an accepted socket.</summary>
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
    }

    /// <summary>The address of the client on a connection, by the server's name for the connection.</summary>
    public IPAddress? FindClient(string connectionId)
    {
        lock (changing) return open.TryGetValue(connectionId, out var connection) ? connection.Client.Address : null;
    }

    public void Dispose() => looking.Dispose();

    /// <summary>Who connects from this machine is one, most likely.</summary>
    private bool IsProxy(IPAddress address) => IPAddress.IsLoopback(address) || proxies.Contains(address);

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

        // A few new ones are about to send a request, and many are a flood.
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

    /// <summary>Nobody's speed matters while there is room for twice as many.</summary>
    private bool IsFilling => open.Count * 2 > bounds.All || clients.Values.Any(c => c.Count * 2 > bounds.PerClient);

    /// <summary>Looks how far each transfer came since the last look.</summary>
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
