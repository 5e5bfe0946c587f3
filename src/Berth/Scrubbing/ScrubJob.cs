using Berth.Jobs;

namespace Berth.Scrubbing;

/// <summary>Reads each minute the blobs that are due.</summary>
internal sealed class ScrubJob(Scrub scrub) : Job
{
    public override string Kind => "scrub";

    public override Lane Lane => Lane.Heavy;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    /// <summary>A large blob at the lowest rate takes hours.</summary>
    public override TimeSpan TimeLimit => TimeSpan.FromDays(7);

    public override Task RunAsync(string payload, CancellationToken cancellation) => scrub.RunTurnAsync(cancellation);
}
