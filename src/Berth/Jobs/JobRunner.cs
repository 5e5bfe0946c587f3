using Berth.Metadata;
using Berth.Settings;

namespace Berth.Jobs;

/// <summary>
/// Runs the jobs of the cluster on this node, some at a time: whatever is due and of a kind that this node knows. When
/// the node stops it cancels them and gives them back, so that others need not wait for its leases to end.
/// </summary>
internal sealed partial class JobRunner : BackgroundService, IHostedLifecycleService
{
    /// <summary>How long a stop waits for jobs to end, however long the requests before them took.</summary>
    private static readonly TimeSpan PatienceWithJobs = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    private readonly string node = $"{Environment.MachineName}:{Environment.ProcessId}";
    private readonly Dictionary<string, Job> jobs;
    private readonly JobTable table;
    private readonly JobSettings settings;
    private readonly TimeProvider clock;
    private readonly ILoggerFactory logs;
    private readonly ILogger<JobRunner> log;
    private readonly SemaphoreSlim places;
    private readonly CancellationTokenSource stopping = new();
    private TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public JobRunner(
        IEnumerable<Job> jobs, JobTable table, JobSettings settings, TimeProvider clock, ILoggerFactory logs)
    {
        this.jobs = jobs.ToDictionary(job => job.Kind, StringComparer.Ordinal);
        (this.table, this.settings, this.clock, this.logs) = (table, settings, clock, logs);
        log = logs.CreateLogger<JobRunner>();
        places = new SemaphoreSlim(settings.Concurrent);
    }

    /// <summary>Looks for jobs now: one was added, or ended.</summary>
    public void Wake() => Volatile.Read(ref woken).TrySetResult();

    /// <summary>Before the requests under way get time to end: jobs need none of it.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken) => stopping.CancelAsync();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
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
        places.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (jobs.Count == 0) return;
        await Task.Yield();
        var isScheduled = false;
        while (!stopping.IsCancellationRequested)
        {
            // Whoever wakes this node from here on ends its next rest, even before that begins.
            Volatile.Write(ref woken, new(TaskCreationOptions.RunContinuationsAsynchronously));
            var rest = Backoff.About(settings.PollInterval);
            try
            {
                if (!isScheduled) await ScheduleAsync();
                isScheduled = true;
                rest = await StartDueAsync(rest);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogNotAsked(e.Message);
            }

            await woken.Task.WaitAsync(rest, clock, stopping.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // All places are free once every job has ended.
        for (var i = 0; i < settings.Concurrent; i++) await places.WaitAsync(CancellationToken.None);
    }

    private async Task ScheduleAsync()
    {
        foreach (var job in jobs.Values)
        {
            if (job.Interval is { } interval) await table.EnsureAsync(job.Kind, interval);
        }
    }

    /// <summary>
    /// Starts jobs as long as any are due and there are places for them. A job that ends wakes the node, so with all
    /// places taken it can rest.
    /// </summary>
    /// <returns>How long nothing will be due, at most <paramref name="longest"/>.</returns>
    private async Task<TimeSpan> StartDueAsync(TimeSpan longest)
    {
        while (!stopping.IsCancellationRequested)
        {
            // An idle node only reads.
            if (await table.NextDueAsync(jobs.Keys) is not { } due) return longest;
            var left = due - clock.GetUtcNow();
            if (left > TimeSpan.Zero) return left < longest ? left : longest;
            if (!places.Wait(0)) return longest;
            var isStarted = false;
            try
            {
                isStarted = await StartNextAsync();
            }
            finally
            {
                if (!isStarted) places.Release();
            }

            // Another node is taking it at this moment.
            if (!isStarted) return Moment;
        }

        return TimeSpan.Zero;
    }

    private async Task<bool> StartNextAsync()
    {
        var claimedAt = clock.GetTimestamp();
        if (await table.ClaimAsync(jobs.Keys, node, settings.Lease) is not { } claim) return false;
        var run = new JobRun(claim, jobs[claim.Kind], table, settings, clock, logs.CreateLogger<JobRun>());
        _ = Task.Run(() => RunAsync(run, claimedAt));
        return true;
    }

    private async Task RunAsync(JobRun run, long claimedAt)
    {
        await run.RunAsync(claimedAt, stopping.Token);
        places.Release();
        Wake();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database could not be asked for jobs: {Reason}")]
    private partial void LogNotAsked(string reason);
}
