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

    /// <summary>How many intervals are left out after a collection that freed little.</summary>
    private const int PausesAfterNothing = 2;

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
        var pauses = 0;
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var committed = GC.GetGCMemoryInfo().TotalCommittedBytes;
            if (committed < least || pauses-- > 0) continue;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

            // Where most of the memory is in use, collections are in vain, and rarer.
            pauses = GC.GetGCMemoryInfo().TotalCommittedBytes > committed * 3 / 4 ? PausesAfterNothing : 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
