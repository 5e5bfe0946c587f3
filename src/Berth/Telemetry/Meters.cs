using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Berth.Telemetry;

/// <summary>
/// The one meter and the one source of spans. Names are those of OpenTelemetry's semantic conventions if there are any,
/// and otherwise begin with <c>berth.</c>. Repository names are never labels: there may be a million.
/// </summary>
internal static class Meters
{
    public const string Name = "Berth";

    public static readonly Meter Berth = new(Name);

    public static readonly ActivitySource Spans = new(Name);

    /// <summary>The conventions' buckets for HTTP, plus larger ones: a large blob takes minutes.</summary>
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries =
            [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 1800],
    };

    /// <summary>How long something takes, in seconds.</summary>
    public static Histogram<double> Duration(string name, string description) =>
        Berth.CreateHistogram(name, "s", description, tags: null, Seconds);
}
