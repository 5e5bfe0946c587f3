using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// Ends uploads that nobody went on with for <c>storage.maintenance.uploadpurging.age</c>, and removes files that no
/// session owns: an earlier process died between.
/// </summary>
internal sealed partial class UploadPurge(
    UploadTable table, UploadSessions sessions, FileBlobStore store, StorageSettings storage, TimeProvider clock,
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
        var startedUtc = due.UtcDateTime;
        await AttemptAsync(() => Task.Run(() => RemoveOrphans(startedUtc), stoppingToken));
        var round = settings.Interval < LongestRound ? settings.Interval : LongestRound;
        using var timer = new PeriodicTimer(round, clock);
        do
        {
            sessions.CloseResting(RestBeforeClosing);
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
        for (var idle = table.Idle(settings.Age, PageSize); idle.Count > 0; idle = table.Idle(settings.Age, PageSize))
        {
            foreach (var id in idle)
            {
                stopping.ThrowIfCancellationRequested();
                LogExpired(id, settings.DryRun);
                if (!settings.DryRun) await sessions.ExpireAsync(id);
            }

            if (settings.DryRun) return;
        }
    }

    /// <summary>
    /// Files from before this start that are neither an upload's nor staged. An upload is staged before its row goes,
    /// so the row is asked first.
    /// </summary>
    private void RemoveOrphans(DateTime startedUtc)
    {
        foreach (var (id, writtenUtc) in store.ListUploads())
        {
            if (writtenUtc < startedUtc && table.Find(id) is null && !store.IsStaged(id)) store.DeleteUpload(id);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Abandoned uploads could not be removed")]
    private partial void LogFailure(Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "Upload {Id} expired (dry run: {DryRun})")]
    private partial void LogExpired(UploadId id, bool dryRun);
}
