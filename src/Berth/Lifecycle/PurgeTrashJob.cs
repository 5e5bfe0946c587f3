using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Lifecycle;

/// <summary>Removes what somebody wants out of the trash now, and the bytes that nothing needs then.</summary>
internal sealed class PurgeTrashJob(GarbageCollector collector) : Job
{
    private const string Name = "purge-trash";

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    public static ValueTask AddAsync(Session session, JobTable jobs) =>
        jobs.AddUnlessWaitingAsync(session, Name);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        collector.RunGentlyAsync(cancellation);
}
