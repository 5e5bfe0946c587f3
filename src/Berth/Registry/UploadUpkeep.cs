using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// What each node does for the uploads it has open: it closes idle ones, and records which are being written, so that
/// none of them looks abandoned to <see cref="PurgeUploadsJob"/>. At its start it removes from a folder of its own
/// what an earlier process left.
/// </summary>
internal sealed partial class UploadUpkeep(
    UploadTable table, Uploads uploads, IBlobStore store, StorageSettings storage, TimeProvider clock,
    ILogger<UploadUpkeep> log)
    : BackgroundService
{
    private static readonly TimeSpan IdleBeforeClosing = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var started = clock.GetUtcNow();
        if (!storage.IsShared)
        {
            await AttemptAsync(() => store.RemoveOrphansAsync(
                started, async id => await table.FindAsync(id, stoppingToken) is not null, stoppingToken));
        }

        // Several rounds before an upload that is being written could look abandoned.
        var round = storage.Maintenance.UploadPurging.Age / 8;
        using var timer = new PeriodicTimer(round < LongestRound ? round : LongestRound, clock);
        do
        {
            await AttemptAsync(() => uploads.CloseIdleAsync(IdleBeforeClosing, stoppingToken));
            await AttemptAsync(() => uploads.RecordActivityAsync(stoppingToken));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>After the last request, so that a start after this one need not read uploads again.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await AttemptAsync(() => uploads.CloseIdleAsync(TimeSpan.Zero, cancellationToken));
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

    [LoggerMessage(Level = LogLevel.Error, Message = "The upkeep of uploads failed; it is tried again within a minute")]
    private partial void LogFailure(Exception e);
}
