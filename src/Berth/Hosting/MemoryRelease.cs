using System.Runtime.InteropServices;

namespace Berth.Hosting;

/// <summary>
/// Returns memory to the system after a burst. The runtime only collects garbage when something is allocated, and
/// glibc raises its threshold for returning blocks as it sees larger ones. Otherwise an idle server would keep the
/// memory after a flood, and a small machine would lack it for the next one.
/// </summary>
internal sealed partial class MemoryRelease(TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>Heaps below this fraction of the memory are left alone.</summary>
    private const int LeastShareOfMemory = 5;

    private const int MmapThreshold = -3; // M_MMAP_THRESHOLD of mallopt(3)

    /// <summary>Larger blocks, mostly SQLite's, are returned to the system as soon as they are freed.</summary>
    private const int MappedBytes = 256 * 1024;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _ = SetOption(MmapThreshold, MappedBytes);
        }
        catch (EntryPointNotFoundException)
        {
            // Only glibc has the option, and only glibc needs it.
        }

        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var least = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / LeastShareOfMemory;
        var most = least;
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (GC.GetGCMemoryInfo().TotalCommittedBytes < most) continue;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

            // What is left is in use: the next collection waits until the heap has grown by half.
            most = Math.Max(least, GC.GetGCMemoryInfo().TotalCommittedBytes * 3 / 2);
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
