using Berth.Jobs;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>Looks for blobs in the store that the database does not know.</summary>
internal sealed class FindOrphansJob(GarbageCollector collector, GarbageSettings settings) : Job
{
    public override string Kind => "find-orphans";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(settings.OrphanInterval);

    /// <summary>A bucket lists a million objects in some minutes.</summary>
    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        collector.FindOrphansAsync(cancellation);
}
