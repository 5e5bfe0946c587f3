using Berth.Jobs;
using Berth.Lifecycle;

namespace Berth.Attaching;

/// <summary>Attaches bills of materials to images that were looked into since, and rests as long as it works.</summary>
internal sealed class AttachSbomsJob(SbomAttaching attaching, TimeProvider clock) : Job
{
    public const string Name = "attach-sboms";

    private const double Share = 0.5;

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(2));

    /// <summary>At first there may be many.</summary>
    public override TimeSpan TimeLimit => TimeSpan.FromHours(12);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        attaching.RunAsync(new Pace(Share, clock), cancellation);
}
