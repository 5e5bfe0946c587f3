using Berth.Blobs;
using Berth.Metadata;

namespace Berth.Registry;

/// <summary>
/// Makes blobs durable that no manifest asked for yet, a moment after they came, and all of them at the end.
/// </summary>
internal sealed partial class BlobSettling(FileBlobStore store, TimeProvider clock, ILogger<BlobSettling> log)
    : BackgroundService
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        while (await WaitAsync(timer, stoppingToken)) await SettleAsync(Rest);
        await SettleAsync(TimeSpan.Zero);
    }

    /// <summary>Runs to its end even after the time for stopping: what was answered with 201 must stay.</summary>
    public override Task StopAsync(CancellationToken cancellationToken) => base.StopAsync(CancellationToken.None);

    private async Task SettleAsync(TimeSpan age)
    {
        try
        {
            await store.PromoteStagedAsync(age);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailure(e);
        }
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A blob could not be made durable; it has to be pushed again")]
    private partial void LogFailure(Exception e);
}
