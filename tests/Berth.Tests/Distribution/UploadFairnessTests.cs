using System.Net;
using System.Net.Sockets;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Blobs;

namespace Berth.Tests.Distribution;

/// <summary>How upload places are shared, and what happens to clients that take more than their share.</summary>
public class UploadFairnessTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_client_that_holds_every_place_gives_one_up_to_another_client()
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { ConcurrentUploads = 6, UploadsPerClient = 6 } });
        var slow = new List<RawConnection>();
        for (var i = 0; i < 6; i++) slow.Add(await BeginAsync(registry));
        await Eventually.TrueAsync(async () => await PushAsync(registry, null) == HttpStatusCode.TooManyRequests);
        Assert.Equal(HttpStatusCode.Created, await PushAsync(registry, IPAddress.Parse("127.0.0.2")));
        var answers = slow.Select(c => c.ReadAnswerAsync()).ToList();
        var first = await await Task.WhenAny(answers);
        Assert.Equal(429, first.Status);
        Assert.Equal("1", first.Header("Retry-After"));
        foreach (var connection in slow) await SendRestAsync(connection);
        var statuses = (await Task.WhenAll(answers)).Select(a => a.Status).Order().ToList();
        Assert.Equal([202, 202, 202, 202, 202, 429], statuses);
        foreach (var connection in slow) connection.Dispose();
    }

    [Fact]
    public async Task A_client_above_its_own_limit_waits_while_others_push()
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { UploadsPerClient = 2 } });
        using var first = await BeginAsync(registry);
        using var second = await BeginAsync(registry);
        await Eventually.TrueAsync(async () => await PushAsync(registry, null) == HttpStatusCode.TooManyRequests);
        Assert.Equal(HttpStatusCode.Created, await PushAsync(registry, IPAddress.Parse("127.0.0.2")));
        await SendRestAsync(first);
        Assert.Equal(202, (await first.ReadAnswerAsync()).Status);
        Assert.Equal(HttpStatusCode.Created, await PushAsync(registry, null));
    }

    [Fact]
    public void An_account_is_limited_however_many_addresses_it_uses()
    {
        var places = new UploadPlaces(new LimitSettings { UploadsPerAccount = 3 }, TimeProvider.System);
        var taken = Enumerable.Range(1, 3).Select(n => places.TryTake(Address(n), "robot", out _)!).ToList();
        Assert.Null(places.TryTake(Address(4), "robot", out var refusal));
        Assert.Contains("limits.uploadsperaccount", refusal, StringComparison.Ordinal);
        Assert.NotNull(places.TryTake(Address(4), "someone", out _));
        Assert.NotNull(places.TryTake(Address(4), null, out _));
        taken[0].Dispose();
        Assert.NotNull(places.TryTake(Address(4), "robot", out _));
    }

    [Fact]
    public void The_client_with_the_most_uploads_loses_its_slowest_and_an_IPv6_network_is_one_client()
    {
        var clock = new HandClock();
        var places = new UploadPlaces(new LimitSettings { ConcurrentUploads = 5 }, clock);
        var greedy = Enumerable.Range(1, 4)
            .Select(n => places.TryTake(IPAddress.Parse($"2001:db8:0:1::{n}"), null, out _)!).ToList();
        var modest = places.TryTake(Address(1), null, out _)!;
        for (var i = 0; i < greedy.Count; i++)
        {
            var bytes = i == 2 ? 300 : 1_000_000 * (i + 1);
            greedy[i].ReceivedBytes = () => bytes;
        }

        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(places.TryTake(Address(2), null, out _));
        Assert.Equal([false, false, true, false], greedy.Select(p => p.Evicted.IsCancellationRequested));
        Assert.False(modest.Evicted.IsCancellationRequested);
        Assert.NotNull(places.TryTake(Address(1), null, out _));
        Assert.True(greedy[0].Evicted.IsCancellationRequested);

        // Two, two and one: nobody has two more than the client that asks.
        Assert.Null(places.TryTake(Address(2), null, out var refusal));
        Assert.Contains("limits.concurrentuploads", refusal, StringComparison.Ordinal);
        greedy[2].Dispose();
        Assert.Null(places.TryTake(Address(2), null, out _));
        greedy[1].Dispose();
        Assert.NotNull(places.TryTake(Address(2), null, out _));
    }

    private static IPAddress Address(int number) => IPAddress.Parse($"192.0.2.{number}");

    /// <summary>Begins a chunk of 4 bytes, of which 2 arrive.</summary>
    private static async Task<RawConnection> BeginAsync(RegistryFixture registry)
    {
        using var started = await registry.Client.PostAsync("v2/a/blobs/uploads/", null, Stop);
        var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"PATCH {started.Headers.Location} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
        return connection;
    }

    /// <summary>The one that was answered already may be closed.</summary>
    private static async Task SendRestAsync(RawConnection connection)
    {
        try
        {
            await connection.SendAsync("cd");
        }
        catch (SocketException)
        {
            // It was.
        }
    }

    private static async Task<HttpStatusCode> PushAsync(RegistryFixture registry, IPAddress? from)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, stop) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                if (from is not null) socket.Bind(new IPEndPoint(from, 0));
                await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpClient(handler) { BaseAddress = registry.BaseAddress };
        using var body = new ByteArrayContent("xy"u8.ToArray());
        using var answer = await http.PostAsync(
            $"v2/a/blobs/uploads/?digest={StoreUse.DigestOf("xy"u8.ToArray())}", body, Stop);
        return answer.StatusCode;
    }

    private sealed class HandClock : TimeProvider
    {
        private long now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now;

        public void Advance(TimeSpan time) => now += time.Ticks;
    }
}
