using System.Diagnostics.Metrics;
using Berth.Metadata;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Jobs;

/// <summary>
/// One run of a job under its lease:
/// <code>
/// 0          1/6   2/6   3/6   4/6                6/6
/// claim      renew renew renew give up            another node may claim
/// </code>
/// Each successful renewal starts a new lease. A node that could not renew for two thirds of it cancels its run, so
/// that the run has ended before another begins. The remaining third covers clock skew between nodes, and the time that
/// the run takes to notice its cancellation.
/// </summary>
internal sealed partial class JobRun(
    ClaimedJob claim, Job job, JobTable table, JobSettings settings, TimeProvider clock, ILogger<JobRun> log)
{
    private static readonly Histogram<double> Durations = Meters.Duration(
        "berth.job.duration", "Duration of finished job runs.");

    private static readonly TimeSpan RestBeforeNotingAgain = TimeSpan.FromSeconds(1);

    private readonly TimeSpan renewEvery = settings.Lease / 6;
    private readonly TimeSpan giveUpAfter = settings.Lease * 2 / 3;

    /// <summary>Does the work and records how it ended. Does not throw.</summary>
    /// <param name="claimedAt">The clock's timestamp before the claim.</param>
    /// <param name="stopping">The node is stopping: the job is released.</param>
    public async Task RunAsync(long claimedAt, CancellationToken stopping)
    {
        using var lease = new CancellationTokenSource(Left(claimedAt), clock);
        using var late = new CancellationTokenSource(job.TimeLimit, clock);
        using var run = CancellationTokenSource.CreateLinkedTokenSource(lease.Token, stopping, late.Token);
        using var over = new CancellationTokenSource();
        var renewing = RenewAsync(lease, over.Token);
        Exception? failure = null;
        try
        {
            if (IsDeadWithNode) throw new InvalidOperationException("the node running it died");
            await job.RunAsync(claim.Payload, run.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            failure = new TimeoutException($"it took longer than {job.TimeLimit}");
        }
        catch (Exception e)
        {
            failure = e;
        }

        // Keeps renewing the lease until the outcome is recorded, so that the job does not run elsewhere.
        var (outcome, note) = EndOf(failure, lease.Token, stopping);
        if (!await IsNotedAsync(note, lease.Token)) outcome = "lost";
        await over.CancelAsync();
        await renewing;
        Durations.Record(
            clock.GetElapsedTime(claimedAt).TotalSeconds,
            new("berth.job.kind", claim.Kind), new("berth.job.outcome", outcome));
    }

    /// <returns>False if the job was lost: how this run ended does not count.</returns>
    private async Task<bool> IsNotedAsync(Func<Task<bool>> note, CancellationToken lost)
    {
        while (!lost.IsCancellationRequested)
        {
            try
            {
                if (!await note()) break;
                return true;
            }
            catch (Exception e)
            {
                LogNotNoted(claim.Kind, claim.Id, e.Message);
            }

            await Task.Delay(RestBeforeNotingAgain, clock, lost).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        LogLost(claim.Kind, claim.Id);
        return false;
    }

    /// <summary>How the run ended, and how to record it.</summary>
    private (string Outcome, Func<Task<bool>> Note) EndOf(
        Exception? failure, CancellationToken lost, CancellationToken stopping)
    {
        if (failure is null)
        {
            return ("done", () => job.Schedule is { } schedule
                ? table.RepeatAsync(claim, schedule.Rest, lost)
                : table.CompleteAsync(claim, lost));
        }

        var isOver = failure is TimeoutException || !(stopping.IsCancellationRequested || lost.IsCancellationRequested);
        if (!isOver) return ("released", () => table.ReleaseAsync(claim, lost));
        var error = $"{failure.GetType().Name}: {failure.Message}";
        if (IsLastFailure(claim.Failures))
        {
            // The claim has already counted the death of the node as a failure.
            LogDead(failure, claim.Kind, claim.Id, IsDeadWithNode ? claim.Failures : claim.Failures + 1);
            return ("dead", () => table.BuryAsync(claim, error, lost));
        }

        var rest = Backoff.After(claim.Failures);
        LogFailed(failure, claim.Kind, claim.Id, rest);
        return ("failed", () => table.FailAsync(claim, rest, error, lost));
    }

    /// <summary>Whether so many nodes died while running it that it is not run again.</summary>
    private bool IsDeadWithNode => IsLastFailure(claim.Failures - 1);

    /// <summary>Recurring jobs are never given up.</summary>
    /// <param name="failuresBefore">How often it failed before the failure in question.</param>
    private bool IsLastFailure(long failuresBefore) =>
        job.Schedule is null && failuresBefore + 1 >= settings.Attempts;

    private async Task RenewAsync(CancellationTokenSource lease, CancellationToken over)
    {
        using var timer = new PeriodicTimer(renewEvery, clock);
        while (await WaitAsync(timer, over))
        {
            try
            {
                var askedAt = clock.GetTimestamp();
                if (await table.RenewAsync(claim, settings.Lease, lease.Token)) lease.CancelAfter(Left(askedAt));
                else await lease.CancelAsync();
            }
            catch (Exception e)
            {
                LogNotRenewed(claim.Kind, claim.Id, e.Message);
            }
        }
    }

    /// <summary>The time until this node gives up a lease that it requested at this timestamp.</summary>
    private TimeSpan Left(long askedAt)
    {
        var left = giveUpAfter - clock.GetElapsedTime(askedAt);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken over)
    {
        try
        {
            return await timer.WaitForNextTickAsync(over);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {Kind} {Id} failed, and is retried in {Rest}")]
    private partial void LogFailed(Exception e, string kind, long id, TimeSpan rest);

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {Kind} {Id} failed {Times} times, and is given up")]
    private partial void LogDead(Exception e, string kind, long id, long times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Job {Kind} {Id} was lost: another node may run it again")]
    private partial void LogLost(string kind, long id);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lease of job {Kind} {Id} could not be renewed: {Reason}")]
    private partial void LogNotRenewed(string kind, long id, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The end of job {Kind} {Id} could not be recorded: {Reason}")]
    private partial void LogNotNoted(string kind, long id, string reason);
}
