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
/// Each renewal that succeeds begins a lease anew. A node that could not renew for two thirds of it cancels its run, so
/// that the run has ended when another begins, even if the other node's clock is ahead by what is left: a third of the
/// lease, less the time that the run takes to notice.
/// </summary>
internal sealed partial class JobRun(
    ClaimedJob claim, Job job, JobTable table, JobSettings settings, TimeProvider clock, ILogger<JobRun> log)
{
    private static readonly Histogram<double> Durations = Meters.Duration(
        "berth.job.duration", "Runs of jobs that ended.");

    private static readonly TimeSpan RestBeforeNotingAgain = TimeSpan.FromSeconds(1);

    private readonly TimeSpan renewEvery = settings.Lease / 6;
    private readonly TimeSpan giveUpAfter = settings.Lease * 2 / 3;

    /// <summary>Does the work and notes how it ended. Throws nothing.</summary>
    /// <param name="claimedAt">The clock's timestamp before the claim.</param>
    /// <param name="stopping">The node stops: the job is given back.</param>
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
            if (IsDeadWithNode) throw new InvalidOperationException("the node died that ran it");
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

        // While it can't be noted how the run ended, the job is still kept from running elsewhere.
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

    /// <summary>How the run ended, and how the table is told.</summary>
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
            // The claim has counted the end of the node already.
            LogDead(failure, claim.Kind, claim.Id, IsDeadWithNode ? claim.Failures : claim.Failures + 1);
            return ("dead", () => table.BuryAsync(claim, error, lost));
        }

        var rest = Backoff.After(claim.Failures);
        LogFailed(failure, claim.Kind, claim.Id, rest);
        return ("failed", () => table.FailAsync(claim, rest, error, lost));
    }

    /// <summary>Whether it ended so many nodes that it is not begun another time.</summary>
    private bool IsDeadWithNode => IsLastFailure(claim.Failures - 1);

    /// <summary>What is done again and again is never given up.</summary>
    /// <param name="failuresBefore">How often it failed before the failure that is asked about.</param>
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

    /// <summary>What is left until this node gives up, of a lease that was asked for at a timestamp.</summary>
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

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {Kind} {Id} failed, and is tried again in {Rest}")]
    private partial void LogFailed(Exception e, string kind, long id, TimeSpan rest);

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {Kind} {Id} failed {Times} times, and is given up")]
    private partial void LogDead(Exception e, string kind, long id, long times);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Job {Kind} {Id} was lost: another node runs it again")]
    private partial void LogLost(string kind, long id);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lease of job {Kind} {Id} could not be renewed: {Reason}")]
    private partial void LogNotRenewed(string kind, long id, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The end of job {Kind} {Id} could not be noted: {Reason}")]
    private partial void LogNotNoted(string kind, long id, string reason);
}
