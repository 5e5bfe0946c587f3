using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// Maintains this node's open uploads: closes idle ones, and records which are being written, so that they don't look
/// abandoned to <see cref="PurgeUploadsJob"/>. If the folder is this node's own, it removes at startup what an earlier
/// process left.
/// </summary>
internal sealed partial class UploadUpkeep(
    BlobTable blobs, Uploads uploads, IBlobStore store, StorageSettings storage, TimeProvider clock,
    ILogger<UploadUpkeep> log)
    : BackgroundService
{
    private static readonly TimeSpan IdleBeforeClosing = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMinutes(1);

    /// <summary>How long a stop spends on uploads, no matter how long the requests before it took.</summary>
    private static readonly TimeSpan PatienceAtEnd = TimeSpan.FromSeconds(5);

    private DateTimeOffset startedAt;

    /// <summary>Before the first request, which may ask for what was committed before a kill.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        startedAt = clock.GetUtcNow();
        if (!storage.IsShared)
        {
            await AttemptAsync(() => store.RecoverAsync(
                id => uploads.IsKnownAsync(id, cancellationToken),
                digest => blobs.IsRecordedAsync(digest, cancellationToken), cancellationToken));
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        if (!storage.IsShared)
        {
            await AttemptAsync(() => store.RemoveOrphansAsync(
                startedAt, id => uploads.IsKnownAsync(id, stoppingToken), stoppingToken));
        }

        // Several rounds before an upload in use could look abandoned.
        var round = storage.Maintenance.UploadPurging.Age / 8;
        using var timer = new PeriodicTimer(round < LongestRound ? round : LongestRound, clock);
        do
        {
            await AttemptAsync(() => uploads.CloseIdleAsync(IdleBeforeClosing, stoppingToken));
            await AttemptAsync(() => uploads.RecordActivityAsync(stoppingToken));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>After the last request, so that the next start need not read uploads again.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(PatienceAtEnd, clock);
        await base.StopAsync(patience.Token);
        try
        {
            await uploads.CloseIdleAsync(TimeSpan.Zero, patience.Token);
        }
        catch (Exception e)
        {
            LogNotNoted(e);
        }
    }

    /// <summary>A full disk must not end the process: the next round retries.</summary>
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

    [LoggerMessage(Level = LogLevel.Error, Message = "Maintenance of uploads failed; it is retried within a minute")]
    private partial void LogFailure(Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Not all uploads could be closed cleanly; those that could not are read again when they are resumed")]
    private partial void LogNotNoted(Exception e);
}
