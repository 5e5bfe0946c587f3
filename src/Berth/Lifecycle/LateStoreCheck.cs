using Berth.Metadata;

namespace Berth.Lifecycle;

/// <summary>
/// Where the store did not answer at startup: asks until it does, and ends the server if it is another's store.
/// </summary>
internal sealed partial class LateStoreCheck(
    StoreIdentity identity, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<LateStoreCheck> log)
    : BackgroundService
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!identity.IsChecked && !stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Rest, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await identity.RequireAsync(mayWrite: true, stoppingToken);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or DatabaseUnavailableException)
            {
                // The store or the database is still away: its own log says so.
            }
            catch (InvalidDataException e)
            {
                LogRefused(e.Message);
                lifetime.StopApplication();
                return;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "The server stops: {Reason}")]
    private partial void LogRefused(string reason);
}
