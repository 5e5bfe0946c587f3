using System.Collections.Concurrent;
using System.Diagnostics;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Metadata;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Jobs;

/// <summary>Nodes that share jobs, with leases short enough to see them end.</summary>
public sealed class JobRunnerTests : IAsyncLifetime
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly JobSettings Quick = new()
    {
        PollInterval = TimeSpan.FromMilliseconds(100),
        Lease = TimeSpan.FromSeconds(1.5),
    };

    private readonly TestDatabase shared = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => shared.DisposeAsync();

    [Fact]
    public async Task Eight_nodes_run_a_thousand_jobs_each_exactly_once()
    {
        var runs = new ConcurrentQueue<string>();
        var nodes = new List<JobNode>();
        for (var i = 0; i < 8; i++)
        {
            nodes.Add(await NodeAsync(new ScriptedJob((payload, _) =>
            {
                runs.Enqueue(payload);
                return Task.CompletedTask;
            })));
        }

        var expected = Enumerable.Range(0, 1000).Select(n => $"{n}").ToList();
        await AddAsync(nodes[0], [.. expected]);
        foreach (var node in nodes) await node.StartAsync();
        await Eventually.TrueAsync(async () => await CountAsync(nodes[0]) == 0);
        foreach (var node in nodes) await node.DisposeAsync();
        Assert.Equal(expected.Order(), runs.Order());
    }

    [Fact]
    public async Task A_job_that_takes_longer_than_a_lease_stays_with_its_node()
    {
        var runs = 0;
        var job = new ScriptedJob(async (_, cancellation) =>
        {
            Interlocked.Increment(ref runs);
            await Task.Delay(Quick.Lease * 3, cancellation);
        });
        await using var one = await NodeAsync(job, Quick);
        await using var other = await NodeAsync(job, Quick);
        await AddAsync(one, "long");
        await one.StartAsync();
        await other.StartAsync();
        await Eventually.TrueAsync(async () => await CountAsync(one) == 0);
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task The_job_of_a_disconnected_node_ends_there_before_it_starts_elsewhere()
    {
        var events = new ConcurrentQueue<string>();
        await using var lost = await NodeAsync(
            new ScriptedJob(async (_, cancellation) =>
            {
                events.Enqueue("begun");
                await Task.Delay(Timeout.Infinite, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                events.Enqueue("cancelled");
            }),
            Quick);
        await using var other = await NodeAsync(
            new ScriptedJob((payload, _) =>
            {
                events.Enqueue($"{payload} elsewhere");
                return Task.CompletedTask;
            }),
            Quick);
        await AddAsync(lost, "done");
        await lost.StartAsync();
        await Eventually.TrueAsync(() => events.Count == 1);
        lost.Database.IsCutOff = true;
        await other.StartAsync();
        await Eventually.TrueAsync(async () => await CountAsync(other) == 0);
        Assert.Equal(["begun", "cancelled", "done elsewhere"], events);
    }

    [Fact]
    public async Task The_result_of_a_node_that_lost_its_job_does_not_count()
    {
        var (hasBegun, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var slow = await NodeAsync(
            new ScriptedJob(async (_, _) =>
            {
                hasBegun.SetResult();
                await mayEnd.Task;
            }),
            Quick);
        var again = new TaskCompletionSource();
        await using var other = await NodeAsync(new ScriptedJob((_, _) => again.Task), Quick);
        await AddAsync(slow, "x");
        await slow.StartAsync();
        await hasBegun.Task;
        slow.Database.IsCutOff = true;
        await other.StartAsync();
        await Eventually.TrueAsync(async () => await AttemptAsync(other) == 2);
        slow.Database.IsCutOff = false;
        mayEnd.SetResult();
        await slow.DisposeAsync();
        Assert.Equal(1, await CountAsync(other));
        again.SetResult();
        await Eventually.TrueAsync(async () => await CountAsync(other) == 0);
    }

    [Fact]
    public async Task The_end_of_a_job_is_recorded_once_the_database_is_back()
    {
        var runs = 0;
        JobNode? node = null;
        node = await NodeAsync(
            new ScriptedJob((_, _) =>
            {
                runs++;
                node!.Database.IsCutOff = true;
                return Task.CompletedTask;
            }),
            Quick with { Lease = TimeSpan.FromSeconds(10) });
        await AddAsync(node, "x");
        await node.StartAsync();
        await Eventually.TrueAsync(() => runs == 1);
        await Task.Delay(500, TestContext.Current.CancellationToken);
        node.Database.IsCutOff = false;
        await Eventually.TrueAsync(async () => await CountAsync(node) == 0);
        await node.DisposeAsync();
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task A_node_that_stops_cancels_its_jobs_and_releases_them_at_once()
    {
        var hasBegun = new TaskCompletionSource();
        var stopping = await NodeAsync(new ScriptedJob(async (_, cancellation) =>
        {
            hasBegun.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
        }));
        var runs = new ConcurrentQueue<string>();
        await using var other = await NodeAsync(
            new ScriptedJob((payload, _) =>
            {
                runs.Enqueue(payload);
                return Task.CompletedTask;
            }),
            Quick);
        await AddAsync(stopping, "x");
        await stopping.StartAsync();
        await hasBegun.Task;
        await stopping.DisposeAsync();
        Assert.Equal(1, await FreeAsync(other));
        await other.StartAsync();
        await Eventually.TrueAsync(async () => await CountAsync(other) == 0);
        Assert.Equal(["x"], runs);
    }

    [Fact]
    public async Task A_job_that_fails_is_retried_after_a_delay()
    {
        await using var node = await NodeAsync(
            new ScriptedJob((_, _) => throw new InvalidOperationException("the disk is on fire")), Quick);
        await AddAsync(node, "x");
        await node.StartAsync();
        const string Noted = "SELECT last_error FROM job WHERE failures = 1 AND leased_by IS NULL";
        await Eventually.TrueAsync(async () => await node.Database.ReadAsync(s => s.TextAsync(Noted)) is not null);
        Assert.Equal(
            "InvalidOperationException: the disk is on fire",
            await node.Database.ReadAsync(s => s.TextAsync(Noted), Stop));
        var rest = (await node.Table.NextDueAsync(["scripted"], Stop))!.Value;
        Assert.InRange(rest, Backoff.First / 2 - TimeSpan.FromSeconds(2), Backoff.First);
    }

    [Fact]
    public void The_delay_doubles_with_each_failure_up_to_an_hour_with_jitter_between_nodes()
    {
        for (var failures = 0; failures < 100; failures++)
        {
            var full = TimeSpan.FromSeconds(Math.Min(5 * Math.Pow(2, failures), 3600));
            var rests = Enumerable.Range(0, 50).Select(_ => Backoff.After(failures)).ToList();
            Assert.All(rests, rest => Assert.InRange(rest, full / 2, full));
            Assert.True(rests.Distinct().Count() > 1);
        }
    }

    [Fact]
    public async Task A_recurring_job_is_run_by_one_node_at_a_time()
    {
        var (runs, running, mostAtOnce) = (0, 0, 0);
        var job = new ScriptedJob(
            async (_, cancellation) =>
            {
                mostAtOnce = Math.Max(mostAtOnce, Interlocked.Increment(ref running));
                await Task.Delay(50, cancellation);
                Interlocked.Decrement(ref running);
                Interlocked.Increment(ref runs);
            },
            interval: TimeSpan.FromMilliseconds(100));
        var nodes = new List<JobNode>();
        for (var i = 0; i < 5; i++) nodes.Add(await NodeAsync(job, Quick));
        await Task.WhenAll(nodes.Select(n => Task.Run(n.StartAsync)));
        await Eventually.TrueAsync(() => runs >= 5);
        Assert.Equal(1, await CountAsync(nodes[0]));
        foreach (var node in nodes) await node.DisposeAsync();
        Assert.Equal(1, mostAtOnce);
    }

    [Fact]
    public async Task A_job_that_is_added_is_started_at_once()
    {
        var ran = new TaskCompletionSource();
        await using var node = await NodeAsync(
            new ScriptedJob((_, _) =>
            {
                ran.SetResult();
                return Task.CompletedTask;
            }),
            new JobSettings { PollInterval = TimeSpan.FromMinutes(10) });
        await using var ear = node.Database.Listen(_ => { }, () => { }, NullLogger.Instance);
        await node.StartAsync();
        await Eventually.TrueAsync(() => node.Database.Reads > 0);
        await AddAsync(node, "x");
        await ran.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task An_idle_node_polls_once_per_interval_and_writes_nothing()
    {
        await using var node = await NodeAsync(new ScriptedJob((_, _) => Task.CompletedTask), Quick);
        await node.Database.WriteAsync(
            async session =>
            {
                await node.Table.AddAsync(session, "scripted", "x", TimeSpan.FromDays(1));
                return true;
            },
            isDurable: false, Stop);
        var since = Stopwatch.StartNew();
        await node.StartAsync();
        await Task.Delay(1000, TestContext.Current.CancellationToken);
        var reads = node.Database.Reads;
        Assert.InRange(reads, 1, (since.Elapsed / (Quick.PollInterval * 0.8)) + 1);
        Assert.Equal(1, node.Database.Writes);
    }

    private async Task<JobNode> NodeAsync(Job job, JobSettings? settings = null) =>
        new(await shared.OpenAsync(), job, settings);

    private static async Task AddAsync(JobNode node, params string[] payloads) => await node.Database.WriteAsync(
        async session =>
        {
            foreach (var payload in payloads)
            {
                await node.Table.AddAsync(session, "scripted", payload);
            }

            return true;
        },
        isDurable: false);

    private static async Task<long> CountAsync(JobNode node) =>
        await node.Database.ReadAsync(s => s.NumberAsync("SELECT count(*) FROM job")) ?? 0;

    private static async Task<long> FreeAsync(JobNode node) => await node.Database.ReadAsync(s => s.NumberAsync(
        "SELECT count(*) FROM job WHERE leased_by IS NULL AND failures = 0")) ?? 0;

    private static async Task<long> AttemptAsync(JobNode node) =>
        await node.Database.ReadAsync(s => s.NumberAsync("SELECT attempt FROM job")) ?? 0;
}
