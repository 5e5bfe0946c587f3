using Berth.Jobs;
using Berth.Lifecycle;

namespace Berth.Verifying;

/// <summary>Verifies signatures that wait for that, one after another, and rests as long as it works.</summary>
internal sealed class VerifySignaturesJob(SignatureChecking checking, TimeProvider clock) : Job
{
    public const string Name = "verify-signatures";

    private const double Share = 0.5;

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(5);

    /// <summary>How often manifests are looked for that nobody has noted: copied, moved or restored ones.</summary>
    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromMinutes(10);

    private long? swept;

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override TimeSpan TimeLimit => LongestTurn + TimeSpan.FromHours(1);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var pace = new Pace(Share, clock);
        if (swept is null || clock.GetElapsedTime(swept.Value) > BetweenSweeps)
        {
            await checking.SweepAsync(cancellation);
            swept = began;
        }

        await checking.HastenAsync(cancellation);
        while (clock.GetElapsedTime(began) < LongestTurn && await checking.RunNextAsync(cancellation))
            await pace.RestAsync(cancellation);
    }
}
