using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Telemetry;
using Berth.Tests.Metadata;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Jobs;

/// <summary>Limits on a job's time and attempts, and its history.</summary>
public sealed class JobLimitsTests : IAsyncLifetime
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Leases do not end while time goes by faster than the database answers.</summary>
    private static readonly JobSettings Patient = new() { Lease = TimeSpan.FromDays(30) };

    private readonly TestDatabase shared = new();
    private readonly SteppingClock clock = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => shared.DisposeAsync();

    [Fact]
    public async Task Heavy_jobs_take_no_places_from_jobs_that_someone_waits_for()
    {
        var (heavyMayEnd, heavyRunning, quickRuns) = (new TaskCompletionSource(), 0, 0);
        await using var node = await NodeAsync(
            Patient with { Concurrent = 1, ConcurrentHeavy = 2 },
            new ScriptedJob(
                (_, _) =>
                {
                    Interlocked.Increment(ref heavyRunning);
                    return heavyMayEnd.Task;
                },
                kind: "heavy", lane: Lane.Heavy),
            new ScriptedJob(
                (_, _) =>
                {
                    Interlocked.Increment(ref quickRuns);
                    return Task.CompletedTask;
                },
                kind: "quick"));
        await AddAsync(node, "heavy", times: 5);
        await AddAsync(node, "quick", times: 20);
        await node.StartAsync();
        await UntilAsync(() => quickRuns == 20 && heavyRunning == 2);
        heavyMayEnd.SetResult();
        await UntilAsync(() => heavyRunning == 5);
    }

    [Fact]
    public async Task A_job_that_always_fails_is_given_up_after_its_attempts_and_is_in_the_history()
    {
        var runs = 0;
        await using var node = await NodeAsync(
            Patient with { Attempts = 3 },
            new ScriptedJob((_, _) =>
                throw new InvalidDataException($"for the {Interlocked.Increment(ref runs)}. time")));
        await AddAsync(node, "scripted");
        await node.StartAsync();
        await UntilAsync(async () => await CountAsync(node, "job") == 0);
        Assert.Equal(3, runs);
        var ended = await new JobHistory(node.Database).EndedAsync(failedOnly: true, 10, Stop);
        Assert.Equal(["dead", "failed", "failed"], ended.Select(e => e.Outcome));
        Assert.Equal("InvalidDataException: for the 3. time", ended[0].Error);
        Assert.Equal(3, ended[0].Attempt);
    }

    [Fact]
    public async Task A_job_that_kills_every_node_that_runs_it_is_given_up_too()
    {
        var lease = TimeSpan.FromMinutes(1);
        await using var node = await NodeAsync(
            Patient with { Attempts = 3 }, new ScriptedJob((_, _) => Task.CompletedTask));
        await AddAsync(node, "scripted");
        for (var death = 0; death < 3; death++)
        {
            Assert.NotNull(await node.Table.ClaimAsync(["scripted"], "one that dies", lease, Stop));
            clock.Advance(lease);
        }

        await node.StartAsync();
        await UntilAsync(async () => await CountAsync(node, "job") == 0);
        var ended = Assert.Single(await new JobHistory(node.Database).EndedAsync(failedOnly: false, 10, Stop));
        Assert.Equal(
            ("dead", "InvalidOperationException: the node running it died"), (ended.Outcome, ended.Error));
    }

    [Theory]
    [InlineData(1, "failed 1 times")]
    [InlineData(3, "failed 3 times")]
    public async Task The_log_tells_how_often_a_job_failed_that_is_given_up(int attempts, string said)
    {
        var lease = TimeSpan.FromMinutes(1);
        await using var node = await NodeAsync(Patient, new ScriptedJob((_, _) => Task.CompletedTask));
        await AddAsync(node, "scripted");
        for (var death = 0; death < attempts; death++)
        {
            Assert.NotNull(await node.Table.ClaimAsync(["scripted"], "one that dies", lease, Stop));
            clock.Advance(lease);
        }

        var log = new RunLog();
        await RunAsync(
            node, (await node.Table.ClaimAsync(["scripted"], "another", lease, Stop))!, attempts, log);
        Assert.Contains(log.Lines, line => line.Contains(said, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_run_whose_job_another_node_took_is_counted_as_lost()
    {
        var outcomes = new ConcurrentQueue<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "berth.job.duration" && instrument.Meter == Meters.Berth)
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            if (tags[0].Value is "taken") outcomes.Enqueue($"{tags[1].Value}");
        });
        listener.Start();
        var lease = TimeSpan.FromMinutes(1);
        await using var node = await NodeAsync(Patient, new ScriptedJob((_, _) => Task.CompletedTask, kind: "taken"));
        await AddAsync(node, "taken");
        var lost = await node.Table.ClaimAsync(["taken"], "slow", lease, Stop);
        clock.Advance(lease);
        var taken = await node.Table.ClaimAsync(["taken"], "quick", lease, Stop);
        await RunAsync(node, lost!, attempts: 9, NullLogger<JobRun>.Instance);
        await RunAsync(node, taken!, attempts: 9, NullLogger<JobRun>.Instance);
        Assert.Equal(["lost", "done"], outcomes);
    }

    [Fact]
    public async Task A_recurring_job_is_never_given_up()
    {
        var runs = 0;
        await using var node = await NodeAsync(
            Patient with { Attempts = 1 },
            new ScriptedJob(
                (_, _) => Interlocked.Increment(ref runs) < 5
                    ? throw new IOException("not yet") : Task.CompletedTask,
                interval: TimeSpan.FromMinutes(1)));
        await node.StartAsync();
        await UntilAsync(() => runs == 6);
        Assert.Equal(1, await CountAsync(node, "job"));
    }

    [Fact]
    public async Task A_run_that_takes_too_long_is_cancelled_and_counts_as_failed()
    {
        await using var node = await NodeAsync(
            Patient with { Attempts = 1 },
            new ScriptedJob(
                (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation), timeLimit: TimeSpan.FromHours(2)));
        await AddAsync(node, "scripted");
        await node.StartAsync();
        await UntilAsync(async () => await CountAsync(node, "job_history") == 1);
        var ended = Assert.Single(await new JobHistory(node.Database).EndedAsync(failedOnly: true, 10, Stop));
        Assert.Equal("TimeoutException: it took longer than 02:00:00", ended.Error);
        Assert.InRange(ended.Ended - ended.Started, TimeSpan.FromHours(2), TimeSpan.FromHours(8));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_step_of_the_clock_by_a_day_neither_hastens_nor_delays_a_job(int days)
    {
        var runs = new ConcurrentQueue<long>();
        await using var node = await NodeAsync(
            Patient,
            new ScriptedJob(
                (_, _) =>
                {
                    runs.Enqueue(clock.GetTimestamp());
                    return Task.CompletedTask;
                },
                interval: TimeSpan.FromHours(1)));
        await node.StartAsync();
        await UntilAsync(() => runs.Count == 1);
        clock.Step = TimeSpan.FromDays(days);
        await UntilAsync(() => runs.Count == 3);
        var times = runs.ToArray();
        foreach (var (one, next) in times.Zip(times.Skip(1)))
        {
            Assert.InRange(
                clock.GetElapsedTime(one, next), TimeSpan.FromHours(0.85), TimeSpan.FromHours(12));
        }
    }

    [Fact]
    public void Times_of_a_cron_expression_are_met_up_to_half_a_minute_late_and_each_once()
    {
        var schedule = Schedule.Cron("30 3 * * *");
        var now = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
        for (var day = 2; day < 30; day++)
        {
            now += schedule.Rest(now);
            var due = new DateTimeOffset(2026, 3, day, 3, 30, 0, TimeSpan.Zero);
            Assert.InRange(now, due, due + TimeSpan.FromSeconds(30));
        }

        Assert.True(Schedule.Cron("0 0 30 2 *").Rest(now) > TimeSpan.FromDays(300));
        Assert.ThrowsAny<FormatException>(() => Schedule.Cron("every night"));
    }

    [Fact]
    public async Task A_job_with_a_cron_schedule_waits_for_its_first_time_and_for_each_next()
    {
        var runs = new ConcurrentQueue<DateTimeOffset>();
        await using var node = await NodeAsync(
            Patient,
            new ScriptedJob(
                (_, _) =>
                {
                    runs.Enqueue(clock.GetUtcNow());
                    return Task.CompletedTask;
                },
                schedule: Schedule.Cron("0 */6 * * *")));
        await node.StartAsync();
        await UntilAsync(() => runs.Count == 3);
        Assert.All(runs, run => Assert.True(run.Hour % 6 == 0, $"{run:O}"));
    }

    [Fact]
    public async Task The_history_is_kept_within_its_age_and_its_count()
    {
        await using var node = await NodeAsync(Patient, new ScriptedJob((_, _) => Task.CompletedTask));
        for (var i = 0; i < 10; i++)
        {
            await AddAsync(node, "scripted");
            var claim = await node.Table.ClaimAsync(["scripted"], "node", TimeSpan.FromMinutes(1), Stop);
            Assert.True(await node.Table.CompleteAsync(claim!, Stop));
            clock.Advance(TimeSpan.FromDays(1));
        }

        await node.Table.TrimHistoryAsync(TimeSpan.FromDays(7.5), entries: 1000, Stop);
        Assert.Equal(7, await CountAsync(node, "job_history"));
        await node.Table.TrimHistoryAsync(TimeSpan.FromDays(100), entries: 4, Stop);
        Assert.Equal(4, await CountAsync(node, "job_history"));
        await node.Table.TrimHistoryAsync(TimeSpan.FromDays(100), entries: 0, Stop);
        Assert.Equal(0, await CountAsync(node, "job_history"));
    }

    private async Task<JobNode> NodeAsync(JobSettings settings, params Job[] jobs) =>
        new(await shared.OpenAsync(), jobs, settings, clock);

    private Task RunAsync(JobNode node, ClaimedJob claim, int attempts, ILogger<JobRun> log) => new JobRun(
        claim, new ScriptedJob((_, _) => Task.CompletedTask), node.Table, Patient with { Attempts = attempts }, clock,
        log).RunAsync(clock.GetTimestamp(), Stop);

    private Task UntilAsync(Func<bool> isTrue) => UntilAsync(() => Task.FromResult(isTrue()));

    /// <summary>Lets time go by until something is so.</summary>
    private Task UntilAsync(Func<Task<bool>> isTrue) => Eventually.TrueAsync(async () =>
    {
        clock.Advance(TimeSpan.FromSeconds(30));
        return await isTrue();
    });

    private static async Task AddAsync(JobNode node, string kind, int times = 1) => await node.Database.WriteAsync(
        async session =>
        {
            for (var i = 0; i < times; i++) await node.Table.AddAsync(session, kind, $"{i}");
            return true;
        },
        isDurable: false);

    private static async Task<long> CountAsync(JobNode node, string table) =>
        await node.Database.ReadAsync(s => s.NumberAsync($"SELECT count(*) FROM {table}")) ?? 0;

    private sealed class RunLog : ILogger<JobRun>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Add(formatter(state, exception));
    }
}
