using System.Data.Common;
using Berth.Backups;
using Berth.Blobs;
using Berth.Journal;
using Berth.Metadata;
using Berth.Registry;

namespace Berth.Hosting;

/// <summary>
/// Whether Berth can do its work. Checks the database, the disk and the store at most once a second. Pulls and pushes
/// are checked separately: on a full or read-only disk, pulls continue.
/// </summary>
internal sealed class Readiness(
    Database database, IBlobStore store, AnswerCache cache, PushGate gate, IHostApplicationLifetime lifetime,
    StopSignals signals, TimeProvider clock, DataFolder? folder = null, BackupWatch? backups = null,
    JournalWriter? journal = null)
{
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Question pulls = new();
    private readonly Question pushes = new();

    /// <summary>What needs somebody's attention although Berth can do its work; null if nothing does.</summary>
    public string? FindWarning() => cache.FindProblem() ?? backups?.Problem ?? journal?.Problem;

    /// <summary>Null if all is well, otherwise the reason as text.</summary>
    public async Task<string?> FindProblemAsync(bool forPulls)
    {
        var isStopping = signals.IsStopping || lifetime.ApplicationStopping.IsCancellationRequested;
        if (isStopping) return "the registry is stopping";
        try
        {
            var answer = forPulls ? pulls.Ask(clock, CheckPullsAsync) : pushes.Ask(clock, CheckPushesAsync);
            return await answer.WaitAsync(Patience, clock);
        }
        catch (TimeoutException)
        {
            return $"the database or the store did not answer within {Patience.TotalSeconds} seconds";
        }
    }

    private async Task<string?> CheckPullsAsync()
    {
        if (folder is not null && !Directory.Exists(folder.Root)) return $"the data folder is gone: {folder.Root}";
        try
        {
            await database.ReadAsync(session => session.NumberAsync("SELECT 1 FROM repository LIMIT 1"));
        }
        catch (Exception e) when (e is DbException or DatabaseUnavailableException)
        {
            return $"the database does not answer: {e.Message}";
        }

        return await store.FindProblemAsync(forPulls: true, lifetime.ApplicationStopping);
    }

    private async Task<string?> CheckPushesAsync()
    {
        if (gate.Reason is { } closed) return closed;
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
            // A transaction without changes: it takes the path of all writes, and finds what blocks them. A PostgreSQL
            // that takes no writes refuses to lock rows, even none.
            await database.WriteAsync(
                session => session.NumberAsync("SELECT 1 FROM repository WHERE id < 0" + session.ForUpdate),
                isDurable: false);
        }
        catch (Exception e) when (e is DbException or DatabaseUnavailableException or IOException)
        {
            return $"the database can't be written: {e.Message}";
        }

        return await store.FindProblemAsync(forPulls: false, lifetime.ApplicationStopping);
    }

    /// <summary>One check at a time: a hanging disk must not tie up more and more threads.</summary>
    private sealed class Question
    {
        private readonly Lock asking = new();
        private Task<string?>? last;
        private long askedAt;

        public Task<string?> Ask(TimeProvider clock, Func<Task<string?>> check)
        {
            lock (asking)
            {
                if (last is null || (last.IsCompleted && clock.GetElapsedTime(askedAt) >= Remembered))
                {
                    askedAt = clock.GetTimestamp();
                    last = Task.Run(check);
                }

                return last;
            }
        }
    }
}
