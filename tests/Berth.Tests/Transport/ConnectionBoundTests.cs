using System.Net;
using System.Net.Sockets;
using Berth.Settings;
using Berth.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Berth.Tests.Transport;

/// <summary>Which connections make room when the limit is reached.</summary>
public sealed class ConnectionBoundTests : IAsyncDisposable
{
    private static readonly IPAddress Stranger = IPAddress.Parse("203.0.113.7");
    private static readonly IPAddress Other = IPAddress.Parse("203.0.113.8");
    private static readonly IPAddress Proxy = IPAddress.Parse("198.51.100.9");

    private readonly FakeTimeProvider clock = new();
    private readonly SocketConnectionContextFactory factory =
        new(new SocketConnectionFactoryOptions(), NullLogger.Instance);

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> clients = [];
    private readonly List<ConnectionContext> opened = [];
    private OpenConnections? connections;

    [Fact]
    public async Task A_new_connection_replaces_the_longest_idle_one_of_the_client_with_the_most()
    {
        Bound(all: 4);
        var modest = await OpenAsync(Other);
        clock.Advance(TimeSpan.FromMinutes(1));
        var oldest = await OpenAsync(Stranger);
        clock.Advance(TimeSpan.FromSeconds(1));
        var rest = new[] { await OpenAsync(Stranger), await OpenAsync(Stranger) };
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Room.Yes, connections!.MakeRoom(Other, isShort: false));
        await Eventually.TrueAsync(() => oldest.ConnectionClosed.IsCancellationRequested);
        Assert.All([modest, .. rest], c => Assert.False(c.ConnectionClosed.IsCancellationRequested));
    }

    [Fact]
    public async Task A_stalled_transfer_is_closed_before_a_new_one_and_before_a_busy_client()
    {
        Bound(all: 3);
        var slow = await OpenAsync(Stranger);
        Begin(slow);
        clock.Advance(TimeSpan.FromSeconds(10));
        var begun = await OpenAsync(Stranger);
        Begin(begun);
        var atWork = await OpenAsync(Other);
        Begin(atWork);
        atWork.Features.Get<OpenConnection>()!.EndRequest();
        Assert.Equal(Room.Yes, connections!.MakeRoom(Other, isShort: false));
        await Eventually.TrueAsync(() => slow.ConnectionClosed.IsCancellationRequested);
        Assert.False(begun.ConnectionClosed.IsCancellationRequested);
        Assert.False(atWork.ConnectionClosed.IsCancellationRequested);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_transfer_is_not_judged_by_the_time_before_its_request(int requestsBefore)
    {
        Bound(all: 1);
        var connection = await OpenAsync(Stranger);
        for (var i = 0; i < requestsBefore; i++)
        {
            Begin(connection);
            connection.Features.Get<OpenConnection>()!.EndRequest();
        }

        clock.Advance(TimeSpan.FromMinutes(10));
        Begin(connection);
        await clients[0].SendAsync(new byte[128 * 1024], TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => TcpProgress.Of(clients[0])!.Value.AcknowledgedBytes >= 128 * 1024);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Room.NotNow, connections!.MakeRoom(Other, isShort: false));
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(Room.Yes, connections.MakeRoom(Other, isShort: false));
        await Eventually.TrueAsync(() => connection.ConnectionClosed.IsCancellationRequested);
    }

    /// <summary>A request that takes us long is no slow client.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_waits_for_an_answer_keeps_its_connection(bool isStream)
    {
        Bound(all: 1);
        var connection = await OpenAsync(Stranger);
        connection.Features.Get<OpenConnection>()!.BeginRequest(withBody: false, isStream);
        clock.Advance(TimeSpan.FromSeconds(10));

        // Over HTTP/2 nobody can tell who waits for whom.
        if (!isStream)
        {
            Assert.Equal(Room.NotNow, connections!.MakeRoom(Other, isShort: false));
            await connection.Transport.Output.WriteAsync(new byte[1024], TestContext.Current.CancellationToken);
            await clients[0].ReceiveAsync(new byte[1024], TestContext.Current.CancellationToken);
            clock.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal(Room.NotNow, connections!.MakeRoom(Other, isShort: false));
            _ = connection.Transport.Output.WriteAsync(new byte[32 << 20], TestContext.Current.CancellationToken)
                .AsTask();
            await Eventually.TrueAsync(async () =>
            {
                await Task.Delay(10);
                clock.Advance(TimeSpan.FromSeconds(10));
                return connections!.MakeRoom(Other, isShort: false) == Room.Yes;
            });
        }
        else
        {
            Assert.Equal(Room.Yes, connections!.MakeRoom(Other, isShort: false));
        }

        await Eventually.TrueAsync(() => connection.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task When_all_are_busy_a_new_one_waits()
    {
        Bound(all: 2);
        Begin(await OpenAsync(Stranger));
        Begin(await OpenAsync(Other));
        Assert.Equal(Room.NotNow, connections!.MakeRoom(Stranger, isShort: false));
        connections.Remove(opened[0].Features.Get<OpenConnection>()!);
        Assert.Equal(Room.Yes, connections.MakeRoom(Stranger, isShort: false));
    }

    [Fact]
    public async Task One_client_may_have_its_share_and_a_trusted_proxy_any_number()
    {
        Bound(all: 100, perClient: 2);
        foreach (var address in new[] { Stranger, Stranger, Proxy, Proxy, Proxy }) Begin(await OpenAsync(address));
        Assert.Equal(Room.NotForClient, connections!.MakeRoom(Stranger, isShort: false));
        Assert.Equal(Room.NotForClient, connections.MakeRoom(Stranger.MapToIPv6(), isShort: false));
        Assert.Equal(Room.Yes, connections.MakeRoom(Other, isShort: false));
        Assert.Equal(Room.Yes, connections.MakeRoom(Proxy, isShort: false));
        Assert.Equal(Room.Yes, connections.MakeRoom(IPAddress.IPv6Loopback, isShort: false));
    }

    [Fact]
    public async Task The_addresses_of_one_IPv6_network_are_one_client()
    {
        Bound(all: 100, perClient: 2);
        Begin(await OpenAsync(IPAddress.Parse("2001:db8:0:1::1")));
        Begin(await OpenAsync(IPAddress.Parse("2001:db8:0:1:2:3:4:5")));
        Assert.Equal(Room.NotForClient, connections!.MakeRoom(IPAddress.Parse("2001:db8:0:1::9"), isShort: false));
        Assert.Equal(Room.Yes, connections.MakeRoom(IPAddress.Parse("2001:db8:0:2::1"), isShort: false));
    }

    [Fact]
    public async Task With_the_last_descriptors_in_use_an_idle_connection_is_closed_although_there_are_few()
    {
        Bound(all: 100);
        var idle = await OpenAsync(Stranger);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(Room.Yes, connections!.MakeRoom(Other, isShort: true));
        await Eventually.TrueAsync(() => idle.ConnectionClosed.IsCancellationRequested);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in opened) await connection.DisposeAsync();
        foreach (var client in clients) client.Dispose();
        connections?.Dispose();
        listener.Dispose();
        factory.Dispose();
    }

    private void Bound(int all, int perClient = 0)
    {
        listener.Start();
        connections = new OpenConnections(
            new HttpSettings { TrustedProxies = [new IPNetwork(Proxy, 32)] },
            new LimitSettings { ConcurrentConnections = all, ConnectionsPerClient = perClient > 0 ? perClient : all },
            clock);
    }

    private async Task<ConnectionContext> OpenAsync(IPAddress address)
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        clients.Add(client);
        await client.ConnectAsync(listener.LocalEndpoint, TestContext.Current.CancellationToken);
        var accepted = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
        var connection = connections!.Open(accepted, address, factory);
        opened.Add(connection);
        return connection;
    }

    private static void Begin(ConnectionContext connection) =>
        connection.Features.Get<OpenConnection>()!.BeginRequest(withBody: true, isStream: false);
}
