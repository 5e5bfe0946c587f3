namespace Berth.Lifecycle;

/// <summary>
/// Where the store did not answer at startup: asks until it does, and ends the server if it is another's store.
/// </summary>
internal sealed partial class LateStoreCheck(
    StoreIdentity identity, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<LateStoreCheck> log)
    : BackgroundService
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>What the log says already.</summary>
    private string? told;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!identity.IsChecked && !stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Rest, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await identity.RequireAsync(mayWrite: true, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                // The server stops, or a call took too long.
            }
            catch (InvalidDataException e)
            {
                LogRefused(e.Message);
                lifetime.StopApplication();
                return;
            }
            catch (Exception e)
            {
                // Away, or not to be read: only another's store ends the server.
                if (e.Message != told) LogNotChecked(e.Message);
                told = e.Message;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "Whether the store belongs to the database could not be seen yet, and is tried again: {Reason}")]
    private partial void LogNotChecked(string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The server stops: {Reason}")]
    private partial void LogRefused(string reason);
}
