using System.Data.Common;
using Berth.Blobs;
using Berth.Metadata;

namespace Berth.Hosting;

/// <summary>
/// Whether Berth can do its work: asked of the database, the disk and the store once a second at most.
/// </summary>
internal sealed class Readiness(
    Database database, IBlobStore store, AnswerCache cache, IHostApplicationLifetime lifetime, TimeProvider clock,
    DataFolder? folder = null)
{
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock asking = new();
    private Task<string?>? last;
    private long askedAt;

    /// <summary>What makes Berth slow though it can do its work; null when nothing does.</summary>
    public string? FindWarning() => cache.FindProblem();

    /// <summary>Null when all is well, else the reason in words.</summary>
    public async Task<string?> FindProblemAsync()
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested) return "the registry is stopping";
        try
        {
            return await Ask().WaitAsync(Patience, clock);
        }
        catch (TimeoutException)
        {
            return $"the database or the store did not answer within {Patience.TotalSeconds} seconds";
        }
    }

    /// <summary>One question at a time: a disk that hangs must not collect threads.</summary>
    private Task<string?> Ask()
    {
        lock (asking)
        {
            if (last is null || (last.IsCompleted && clock.GetElapsedTime(askedAt) >= Remembered))
            {
                askedAt = clock.GetTimestamp();
                last = Task.Run(CheckAsync);
            }

            return last;
        }
    }

    private async Task<string?> CheckAsync()
    {
        try
        {
            folder?.Probe();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the data folder can't be written: {e.Message}";
        }

        try
        {
            await database.ReadAsync(session => session.NumberAsync("SELECT 1 FROM repository LIMIT 1"));
        }
        catch (Exception e) when (e is DbException or DatabaseUnavailableException)
        {
            return $"the database does not answer: {e.Message}";
        }

        return await store.FindProblemAsync();
    }
}
