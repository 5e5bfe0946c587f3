using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Berth.Tests.Servers;

namespace Berth.Tests.Cluster;

/// <summary>A registry whose PostgreSQL goes away for a while.</summary>
public class DatabaseAwayTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(30);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_the_database_is_away_pushes_fail_fast_and_cached_pulls_continue_and_then_all_is_well_again()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var database = await server.CreateOwnDatabaseAsync();
        await using var node = await RegistryFixture.StartAsync(
            s => s with { Database = TestEngines.SettingsOf(database) });
        (await SharedDatabase.PushAsync(node, "v2/a/manifests/cached", 0)).Dispose();
        var calls = new ConcurrentQueue<Call>();
        using var end = new CancellationTokenSource();
        var watch = Stopwatch.StartNew();
        var load = Enumerable.Range(1, 8)
            .Select(client => client % 2 == 0
                ? LoadAsync(calls, watch, isPush: false, _ => node.Client.GetAsync("v2/a/manifests/cached"), end.Token)
                : LoadAsync(
                    calls, watch, isPush: true,
                    i => SharedDatabase.PushAsync(node, $"v2/a/manifests/t{client}-{i}", client * 100_000 + i),
                    end.Token))
            .ToList();
        await Task.Delay(1000, Stop);
        await server.StopAsync();
        var goneAt = watch.Elapsed;
        await Task.Delay(TimeSpan.FromSeconds(3), Stop);
        await AssertNotReadyAsync(node);
        await Task.Delay(Away - TimeSpan.FromSeconds(3), Stop);
        var backAt = watch.Elapsed;
        await server.StartAgainAsync();
        await Task.Delay(TimeSpan.FromSeconds(5), Stop);
        await end.CancelAsync();
        await Task.WhenAll(load);
        AssertCalls([.. calls], goneAt, backAt);
        using var ready = await node.Client.GetAsync("readyz", Stop);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        foreach (var call in calls.Where(c => c.IsPush && c.Status == HttpStatusCode.Created))
        {
            Assert.Equal(HttpStatusCode.OK, (await SharedDatabase.PullAsync(node, call.Path)).Status);
        }
    }

    private void AssertCalls(List<Call> calls, TimeSpan goneAt, TimeSpan backAt)
    {
        Assert.All(calls, c => Assert.True(
            c.Status is HttpStatusCode.OK or HttpStatusCode.Created or HttpStatusCode.ServiceUnavailable, $"{c}"));
        Assert.All(calls.Where(c => c.Status == HttpStatusCode.ServiceUnavailable), c => Assert.True(c.HasRetryAfter));
        var during = calls.FindAll(c => c.At > goneAt + TimeSpan.FromSeconds(1) && c.At + c.Took < backAt);
        Assert.All(during.Where(c => c.IsPush), c => Assert.Equal(HttpStatusCode.ServiceUnavailable, c.Status));
        Assert.All(during.Where(c => !c.IsPush), c => Assert.Equal(HttpStatusCode.OK, c.Status));
        var slowest = during.Max(c => c.Took);
        Assert.True(slowest < TimeSpan.FromSeconds(3), $"the slowest answer took {slowest}");
        var recovered = calls.Where(c => c.IsPush && c.At > backAt && c.Status == HttpStatusCode.Created).ToList();
        Assert.NotEmpty(recovered);
        output.WriteLine(
            $"{during.Count} answers while it was away, the slowest after {slowest.TotalMilliseconds:F0} ms; "
            + $"the first push {(recovered.Min(c => c.At) - backAt).TotalMilliseconds:F0} ms after its start began");
    }

    private static async Task LoadAsync(
        ConcurrentQueue<Call> calls, Stopwatch watch, bool isPush, Func<int, Task<HttpResponseMessage>> send,
        CancellationToken end)
    {
        for (var i = 0; !end.IsCancellationRequested; i++)
        {
            var at = watch.Elapsed;
            using var answer = await send(i);
            calls.Enqueue(new Call(
                at, watch.Elapsed - at, isPush, answer.RequestMessage!.RequestUri!.AbsolutePath[1..], answer.StatusCode,
                answer.Headers.RetryAfter is not null));
            await Task.Delay(10, CancellationToken.None);
        }
    }

    private static async Task AssertNotReadyAsync(RegistryFixture node)
    {
        using var ready = await node.Client.GetAsync("readyz", Stop);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Contains("database", await ready.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        using var health = await node.Client.GetAsync("healthz", Stop);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    private sealed record Call(
        TimeSpan At, TimeSpan Took, bool IsPush, string Path, HttpStatusCode Status, bool HasRetryAfter);
}
