using Berth.Metadata;

namespace Berth.Jobs;

/// <summary>Deletes what ended, or was written, too long ago.</summary>
/// <param name="kind">The job's name in the database.</param>
/// <param name="database">Where it is.</param>
/// <param name="keep">How long it is kept.</param>
/// <param name="trim">Deletes at most so many rows from before a time, and answers how many it deleted.</param>
/// <param name="clock">The time.</param>
internal sealed class TrimJob(
    string kind, Database database, TimeSpan keep, Func<Session, DateTimeOffset, int, ValueTask<int>> trim,
    TimeProvider clock) : Job
{
    /// <summary>Few enough that other writes need not wait.</summary>
    private const int RowsPerWrite = 1000;

    public override string Kind => kind;

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromHours(1));

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var before = clock.GetUtcNow() - keep;
        while (await database.WriteAsync(
            session => trim(session, before, RowsPerWrite), isDurable: false, cancellation) > 0)
        {
            cancellation.ThrowIfCancellationRequested();
        }
    }
}
