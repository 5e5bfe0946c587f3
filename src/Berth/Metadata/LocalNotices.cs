namespace Berth.Metadata;

/// <summary>
/// Hears what commands beside this server have changed in a SQLite file. What the cache answers may be stale for half a
/// second after that.
/// </summary>
internal sealed partial class LocalNotices(
    Database database, AnswerCache cache, TimeProvider clock, ILogger<LocalNotices> log) : BackgroundService
{
    private const int Most = 1000;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(BetweenLooks, clock, stoppingToken);
                await HearAsync(stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is IOException or DatabaseUnavailableException
                or Microsoft.Data.Sqlite.SqliteException)
            {
                LogUnheard(e.Message);
            }
        }
    }

    private async Task HearAsync(CancellationToken cancellation)
    {
        var heard = await database.ReadAsync(
            session => session.AllAsync(
                "SELECT id, text FROM notice ORDER BY id LIMIT $1",
                row => (Id: row.GetInt64(0), Text: row.GetString(1)), Most),
            cancellation);
        if (heard.Count == 0) return;
        foreach (var (_, text) in heard) cache.Hear(text);
        await database.WriteAsync(
            async session => await session.RunAsync("DELETE FROM notice WHERE id <= $1", heard[^1].Id),
            isDurable: false, cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "What commands change beside this server can't be read, and old answers may be served: {Reason}")]
    private partial void LogUnheard(string reason);
}
