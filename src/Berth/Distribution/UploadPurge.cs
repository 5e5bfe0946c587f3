using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// Ends uploads that nobody went on with for <c>storage.maintenance.uploadpurging.age</c>, and removes what no session
/// owns because a process died between: at the start, or in a store that other nodes use too once it has that age.
/// </summary>
internal sealed partial class UploadPurge(
    UploadTable table, UploadSessions sessions, IBlobStore store, StorageSettings storage, TimeProvider clock,
    ILogger<UploadPurge> log)
    : BackgroundService
{
    private const int PageSize = 100;
    private static readonly TimeSpan RestBeforeClosing = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var settings = storage.Maintenance.UploadPurging;
        var due = clock.GetUtcNow();
        if (!storage.IsShared)
        {
            // Nobody else writes here, and this process has not begun to.
            var started = due;
            await AttemptAsync(() => store.RemoveOrphansAsync(started, IsOwnedAsync, stoppingToken));
        }

        var round = settings.Interval < LongestRound ? settings.Interval : LongestRound;
        using var timer = new PeriodicTimer(round, clock);
        do
        {
            sessions.CloseResting(RestBeforeClosing);
            await AttemptAsync(sessions.TouchWritingAsync);
            if (!settings.Enabled || clock.GetUtcNow() < due) continue;
            due = clock.GetUtcNow() + settings.Interval;
            await AttemptAsync(() => PurgeAsync(settings, stoppingToken));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>A full disk must not end the process: the next round tries again.</summary>
    private async Task AttemptAsync(Func<Task> round)
    {
        try
        {
            await round();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailure(e);
        }
    }

    private async Task PurgeAsync(UploadPurgingSettings settings, CancellationToken stopping)
    {
        while (await table.IdleAsync(settings.Age, PageSize) is { Count: > 0 } idle)
        {
            foreach (var id in idle)
            {
                stopping.ThrowIfCancellationRequested();
                LogExpired(id, settings.DryRun);
                if (!settings.DryRun) await sessions.ExpireAsync(id);
            }

            if (settings.DryRun) return;
        }

        if (storage.IsShared && !settings.DryRun)
            await store.RemoveOrphansAsync(clock.GetUtcNow() - settings.Age, IsOwnedAsync, stopping);
    }

    private async ValueTask<bool> IsOwnedAsync(UploadId id) => await table.FindAsync(id) is not null;

    [LoggerMessage(Level = LogLevel.Error, Message = "Abandoned uploads could not be removed")]
    private partial void LogFailure(Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upload {Id} expired (dry run: {DryRun})")]
    private partial void LogExpired(UploadId id, bool dryRun);
}
