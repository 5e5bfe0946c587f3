using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Registry;
using Berth.Telemetry;

namespace Berth;

/// <summary>All slices there are, in the order in which their services are added.</summary>
internal static class Slices
{
    public static IReadOnlyList<Slice> All { get; } =
    [
        new JobsSlice(),
        new UploadPurgingSlice(),
        new LifecycleSlice(),
        new TelemetrySlice(),
    ];
}
