using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>Removes what nothing needs any more, every <c>storage.maintenance.gc.interval</c>.</summary>
internal sealed class CollectGarbageJob(
    GarbageCollector collector, Database database, GarbageSettings settings, TimeProvider clock) : Job
{
    /// <summary>Who wanted it, in the list of collections.</summary>
    private const string Requester = "schedule";

    public override string Kind => "collect-garbage";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(settings.Interval);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var startedAt = clock.GetUtcNow();
        var removed = await collector.RunGentlyAsync(cancellation);
        if (removed == GarbageReport.Nothing) return;
        var row = new CollectionRow(0, settings.Grace, CollectionStates.Done, removed)
        {
            RequestedAt = startedAt,
            RequestedBy = Requester,
            StartedAt = startedAt,
            EndedAt = clock.GetUtcNow(),
        };
        await database.WriteAsync(
            async session =>
            {
                var added = await CollectionTable.AddAsync(session, row);
                await CollectionTable.UpdateAsync(session, added);
                return true;
            },
            isDurable: false, cancellation);
    }
}
