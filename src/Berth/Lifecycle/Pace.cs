using System.Diagnostics;

namespace Berth.Lifecycle;

/// <summary>Rests between pieces of work, so that whoever pulls meanwhile has the machine most of the time.</summary>
/// <param name="share">The part of the time that is spent working: above 0, and at most 1.</param>
/// <param name="clock">The time.</param>
internal sealed class Pace(double share, TimeProvider clock)
{
    /// <summary>No rest is longer, whatever a slow disk made of the work before.</summary>
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(10);

    private long start = Stopwatch.GetTimestamp();

    /// <summary>Without any rest.</summary>
    public static Pace Full { get; } = new(1, TimeProvider.System);

    /// <summary>Ends a piece of work, and rests as long as that took and the share says.</summary>
    public async ValueTask RestAsync(CancellationToken cancellation)
    {
        if (share >= 1) return;
        var rest = Stopwatch.GetElapsedTime(start) * ((1 - share) / share);
        await Task.Delay(rest < LongestRest ? rest : LongestRest, clock, cancellation);
        start = Stopwatch.GetTimestamp();
    }
}
