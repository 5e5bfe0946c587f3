using System.Diagnostics.Metrics;

namespace Berth.Telemetry;

/// <summary>What Berth counts and measures hangs on one meter. Nothing is measured that nobody listens to.</summary>
internal static class Meters
{
    public const string Name = "Berth";

    public static readonly Meter Berth = new(Name);
}
