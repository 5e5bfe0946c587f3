using Berth.Blobs;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// Makes blobs durable that no manifest has needed yet: a moment after they arrive, and all of them at shutdown.
/// Failures are retried with a growing delay.
/// </summary>
internal sealed partial class BlobSettling(FileBlobStore store, TimeProvider clock, ILogger<BlobSettling> log)
    : BackgroundService
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromSeconds(1);

    /// <summary>How often it is tried at shutdown if the disk fails.</summary>
    private const int LastAttempts = 3;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await store.PromoteStagedAsync(Rest);
            await Task.Delay(BetweenRounds, clock, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        for (var attempt = 0; attempt < LastAttempts && store.Staged.Any(); attempt++)
        {
            if (attempt > 0) await Task.Delay(Rest, clock, CancellationToken.None);
            await store.PromoteStagedAsync(TimeSpan.Zero);
        }

        foreach (var digest in store.Staged) LogLost(digest);
    }

    /// <summary>Runs to completion even after the shutdown timeout: what was answered with 201 must be kept.</summary>
    public override Task StopAsync(CancellationToken cancellationToken) => base.StopAsync(CancellationToken.None);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} could not be made durable before shutdown, and no manifest needs it: it has to be pushed again")]
    private partial void LogLost(Digest digest);
}
