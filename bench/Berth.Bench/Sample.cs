using System.Globalization;

namespace Berth.Bench;

/// <summary>One measurement: what the client saw, and what it cost the server.</summary>
/// <param name="Value">In the workload's unit.</param>
/// <param name="CpuSeconds">User and system time of the server and its children.</param>
/// <param name="P99Milliseconds">99th percentile of the response times, if there are many.</param>
/// <param name="BusyCores">Cores busy during the sample, on the whole machine, client included.</param>
internal sealed record Sample(
    double Value, double CpuSeconds = 0, double? P99Milliseconds = null, double BusyCores = 0);

/// <summary>Values of several rounds: their median, lowest and highest.</summary>
internal sealed record Spread(IReadOnlyList<double> Values)
{
    public double Median { get; } = MedianOf([.. Values.Order()]);

    public double Lowest => Values.Min();

    public double Highest => Values.Max();

    /// <summary>Computed per round, since a disturbance affects both servers in a round.</summary>
    public static Spread OfRatios(
        IReadOnlyList<Sample> own, IReadOnlyList<Sample> other, Func<Sample, double> valueOf) =>
        new([.. own.Zip(other, (a, b) => valueOf(a) / valueOf(b))]);

    public static Spread Of(IReadOnlyList<Sample> samples, Func<Sample, double> valueOf) =>
        new([.. samples.Select(valueOf)]);

    public static string Text(double value) =>
        value.ToString(Math.Abs(value) >= 100 ? "N0" : "0.##", CultureInfo.InvariantCulture);

    public override string ToString() => Values.Count > 1
        ? $"{Text(Median)} ({Text(Lowest)}–{Text(Highest)})"
        : Text(Median);

    private static double MedianOf(double[] sorted)
    {
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}

/// <summary>The project's goal for a workload, and the result. The verdict is based on the median.</summary>
/// <param name="Work">The workload.</param>
/// <param name="What">The figure that is compared with the limit.</param>
/// <param name="IsAtLeast">True: the figure must be at least the limit; otherwise at most.</param>
/// <param name="Limit">In the unit.</param>
/// <param name="Unit">What follows the figures, such as "× nginx".</param>
/// <param name="Measured">Null if it could not be measured.</param>
internal sealed record Goal(string Work, string What, bool IsAtLeast, double Limit, string Unit, Spread? Measured)
{
    public string Wanted => $"{What} {(IsAtLeast ? "≥" : "≤")} {Spread.Text(Limit)} {Unit}";

    public bool? IsMet => Measured is null ? null : Holds(Measured.Median);

    public string Verdict
    {
        get
        {
            if (Measured is null || IsMet is not { } isMet) return "not measured";
            var everywhere = Measured.Values.All(v => Holds(v) == isMet);
            if (everywhere) return isMet ? "met" : "**not met**";
            return isMet ? "met, but not in every round" : "**not met**, except in some rounds";
        }
    }

    private bool Holds(double value) => IsAtLeast ? value >= Limit : value <= Limit;
}
