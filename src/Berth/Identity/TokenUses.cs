using System.Collections.Concurrent;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Records when tokens were last used, once a minute for all of them: a pull must not wait for a write.
/// </summary>
internal sealed partial class TokenUses(Database database, TimeProvider clock, ILogger<TokenUses> log)
    : BackgroundService
{
    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(1);

    /// <summary>How long a stop spends on it, no matter how long the requests before it took.</summary>
    private static readonly TimeSpan PatienceAtEnd = TimeSpan.FromSeconds(2);

    /// <summary>Tokens used in a minute. More are recorded another time.</summary>
    private const int MaxUses = 100_000;

    private ConcurrentDictionary<long, TokenUse> uses = new();

    /// <param name="token">Which.</param>
    /// <param name="client">From where.</param>
    public void Note(TokenRow token, string? client)
    {
        var now = clock.GetUtcNow();
        if (uses.TryGetValue(token.Id, out var last) && now - last.At < WriteEvery && last.From == client) return;
        if (uses.Count < MaxUses) uses[token.Id] = new TokenUse(token.Id, now, client);
    }

    /// <summary>Writes what was noted.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        var noted = Interlocked.Exchange(ref uses, new ConcurrentDictionary<long, TokenUse>());
        if (noted.IsEmpty) return;
        await database.WriteAsync(
            async session =>
            {
                await TokenTable.NoteUsesAsync(session, noted.Values);
                return true;
            },
            isDurable: false, cancellation);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(PatienceAtEnd, clock);
        await base.StopAsync(patience.Token);
        await TryWriteAsync(patience.Token);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(WriteEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await TryWriteAsync(stoppingToken);
    }

    private async Task TryWriteAsync(CancellationToken cancellation)
    {
        try
        {
            await WriteAsync(cancellation);
        }
        catch (Exception e)
        {
            // A minute's uses are lost, and nothing else.
            LogLost(e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The last uses of tokens could not be recorded: {Reason}")]
    private partial void LogLost(string reason);
}
