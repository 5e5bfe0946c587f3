using Berth.Jobs;
using Berth.Lifecycle;

namespace Berth.Scanning;

/// <summary>Notes what is installed in images that wait for that, one after another, and rests as long as it works.
/// </summary>
internal sealed class ScanImagesJob(ImageScanning scanning, TimeProvider clock) : Job
{
    public const string Name = "scan-images";

    private const double Share = 0.5;

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(5);

    /// <summary>How often images are looked for that nobody has noted.</summary>
    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromHours(1);

    private long? swept;

    public override string Kind => Name;

    public override Lane Lane => Lane.Heavy;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override TimeSpan TimeLimit => LongestTurn + TimeSpan.FromHours(1);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var pace = new Pace(Share, clock);
        if (swept is null || clock.GetElapsedTime(swept.Value) > BetweenSweeps)
        {
            await scanning.AddMissingAsync(cancellation);
            swept = began;
        }

        while (clock.GetElapsedTime(began) < LongestTurn && await scanning.RunNextAsync(cancellation))
            await pace.RestAsync(cancellation);
    }
}
