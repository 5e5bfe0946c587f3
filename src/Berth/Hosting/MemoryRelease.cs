using System.Runtime.InteropServices;

namespace Berth.Hosting;

/// <summary>
/// Gives memory back after a burst. The runtime collects garbage only when something is allocated, and glibc keeps
/// freed blocks as large as the largest that it has seen: after a flood, an idle server would keep the memory, and a
/// small machine would lack the room for the next one.
/// </summary>
internal sealed partial class MemoryRelease(TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>A smaller heap, as a fraction of the memory, is left alone.</summary>
    private const int LeastShareOfMemory = 5;

    private const int MmapThreshold = -3; // M_MMAP_THRESHOLD of mallopt(3)

    /// <summary>Larger blocks, of SQLite above all, go back to the system as soon as they are freed.</summary>
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

            // What it could not free is in use: the next one waits until there is half as much again.
            most = Math.Max(least, GC.GetGCMemoryInfo().TotalCommittedBytes * 3 / 2);
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
