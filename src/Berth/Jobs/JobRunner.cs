using Berth.Metadata;
using Berth.Settings;

namespace Berth.Jobs;

/// <summary>
/// Runs the cluster's jobs on this node: whatever is due and of a kind that this node knows. Each lane has its own
/// places, so that heavy work does not delay jobs that somebody is waiting for. When the node stops, it cancels its
/// jobs and releases them, so that others need not wait for the leases to expire.
/// </summary>
internal sealed partial class JobRunner : BackgroundService, IHostedLifecycleService
{
    /// <summary>How long a stop waits for jobs to end, regardless of how long draining requests took.</summary>
    private static readonly TimeSpan PatienceWithJobs = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    private readonly string node = $"{Environment.MachineName}:{Environment.ProcessId}";
    private readonly Dictionary<string, Job> jobs;
    private readonly JobTable table;
    private readonly JobSettings settings;
    private readonly Database database;
    private readonly TimeProvider clock;
    private readonly ILoggerFactory logs;
    private readonly ILogger<JobRunner> log;
    private readonly LanePlaces[] lanes;
    private readonly CancellationTokenSource stopping = new();
    private TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public JobRunner(
        IEnumerable<Job> jobs, JobTable table, JobSettings settings, Database database, TimeProvider clock,
        ILoggerFactory logs)
    {
        this.jobs = jobs.ToDictionary(job => job.Kind, StringComparer.Ordinal);
        (this.table, this.settings, this.database) = (table, settings, database);
        (this.clock, this.logs) = (clock, logs);
        log = logs.CreateLogger<JobRunner>();
        lanes =
        [
            PlacesOf(Lane.Default, settings.Concurrent),
            PlacesOf(Lane.Maintenance, settings.ConcurrentMaintenance),
            PlacesOf(Lane.Heavy, settings.ConcurrentHeavy),
        ];
        database.JobsAdded += Wake;
    }

    /// <summary>Polls for jobs now: one was added, or ended.</summary>
    public void Wake() => Volatile.Read(ref woken).TrySetResult();

    /// <summary>Runs before requests are drained: jobs get none of that time.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken) => stopping.CancelAsync();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        database.JobsAdded -= Wake;
        await stopping.CancelAsync();
        using var patience = new CancellationTokenSource(PatienceWithJobs, clock);
        await base.StopAsync(patience.Token);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose()
    {
        base.Dispose();
        stopping.Dispose();
        foreach (var lane in lanes) lane.Free.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (jobs.Count == 0) return;
        await Task.Yield();
        var isScheduled = false;
        while (!stopping.IsCancellationRequested)
        {
            // A wake-up from here on ends the next wait, even one that has not begun.
            Volatile.Write(ref woken, new(TaskCreationOptions.RunContinuationsAsynchronously));
            var rest = Backoff.About(settings.PollInterval);
            try
            {
                if (!isScheduled) await ScheduleAsync();
                isScheduled = true;
                rest = await StartDueAsync(rest);
            }
            catch (Exception e)
            {
                if (stopping.IsCancellationRequested) break;
                LogNotAsked(e.Message);
            }

            await woken.Task.WaitAsync(rest, clock, stopping.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // When all places are free, every job has ended.
        foreach (var lane in lanes)
        {
            for (var i = 0; i < lane.Count; i++) await lane.Free.WaitAsync(CancellationToken.None);
        }
    }

    private async Task ScheduleAsync()
    {
        foreach (var job in jobs.Values)
        {
            if (job.Schedule is not { } schedule) continue;
            await table.EnsureAsync(job.Kind, schedule.First, schedule.Longest, stopping.Token);
        }
    }

    /// <summary>
    /// Starts jobs as long as any are due in lanes with free places. A job that ends wakes the node, so it can wait
    /// while all places are taken.
    /// </summary>
    /// <returns>How long until the next job is due, at most <paramref name="longest"/>.</returns>
    private async Task<TimeSpan> StartDueAsync(TimeSpan longest)
    {
        while (!stopping.IsCancellationRequested)
        {
            // Places are only taken here: one that is free now is still free after the claim.
            List<string> kinds = [.. lanes.Where(lane => lane.Free.CurrentCount > 0).SelectMany(lane => lane.Kinds)];
            if (kinds.Count == 0) return longest;

            // An idle node only reads.
            if (await table.NextDueAsync(kinds, stopping.Token) is not { } left) return longest;
            if (left > TimeSpan.Zero) return left < longest ? left : longest;

            // Another node is claiming it right now.
            if (!await StartNextAsync(kinds)) return Moment;
        }

        return TimeSpan.Zero;
    }

    private async Task<bool> StartNextAsync(List<string> kinds)
    {
        var claimedAt = clock.GetTimestamp();
        if (await table.ClaimAsync(kinds, node, settings.Lease, stopping.Token) is not { } claim) return false;
        var job = jobs[claim.Kind];
        var place = lanes.First(lane => lane.Kinds.Contains(claim.Kind)).Free;
        place.Wait(0);
        var run = new JobRun(claim, job, table, settings, clock, logs.CreateLogger<JobRun>());
        _ = Task.Run(() => RunAsync(run, claimedAt, place));
        return true;
    }

    private async Task RunAsync(JobRun run, long claimedAt, SemaphoreSlim place)
    {
        await run.RunAsync(claimedAt, stopping.Token);
        place.Release();
        Wake();
    }

    private LanePlaces PlacesOf(Lane lane, int count) => new(
        [.. jobs.Values.Where(job => job.Lane == lane).Select(job => job.Kind)], new SemaphoreSlim(count), count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Polling the database for jobs failed: {Reason}")]
    private partial void LogNotAsked(string reason);

    private sealed record LanePlaces(IReadOnlyList<string> Kinds, SemaphoreSlim Free, int Count);
}
