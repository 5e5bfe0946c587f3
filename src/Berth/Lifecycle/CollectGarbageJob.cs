using Berth.Jobs;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>Removes what nothing needs any more, every <c>storage.maintenance.gc.interval</c>.</summary>
internal sealed class CollectGarbageJob(GarbageCollector collector, GarbageSettings settings) : Job
{
    public override string Kind => "collect-garbage";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(settings.Interval);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        collector.RunGentlyAsync(cancellation);
}
