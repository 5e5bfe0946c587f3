using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Deletes personal, robot and refresh tokens that ended longer than <c>auth.keepexpiredtokens</c> ago.
/// </summary>
/// <param name="database">Where they are.</param>
/// <param name="keep">How long they are still shown.</param>
/// <param name="clock">The time.</param>
internal sealed class TrimTokensJob(Database database, TimeSpan keep, TimeProvider clock) : Job
{
    /// <summary>Few enough that other writes need not wait.</summary>
    private const int RowsPerWrite = 1000;

    public override string Kind => "trim-tokens";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromHours(1));

    /// <summary>Nobody's rights change with them, so no node need be told.</summary>
    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var before = clock.GetUtcNow() - keep;
        while (await database.WriteAsync(
            session => TokenTable.TrimAsync(session, before, RowsPerWrite), isDurable: false, cancellation) > 0)
        {
            cancellation.ThrowIfCancellationRequested();
        }
    }
}
