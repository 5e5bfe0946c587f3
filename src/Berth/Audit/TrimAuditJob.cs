using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Audit;

/// <summary>Deletes audit entries that are older than <c>audit.keep</c>.</summary>
internal sealed class TrimAuditJob(Database database, AuditSettings settings, TimeProvider clock) : Job
{
    /// <summary>Few enough that other writes need not wait.</summary>
    private const int RowsPerWrite = 1000;

    public override string Kind => "trim-audit";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromHours(1));

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var before = clock.GetUtcNow() - settings.Keep;
        while (await database.WriteAsync(
            session => AuditTable.TrimAsync(session, before, RowsPerWrite), isDurable: false, cancellation) > 0)
        {
            cancellation.ThrowIfCancellationRequested();
        }
    }
}
