namespace Berth.Hosting;

/// <summary>
/// Gives memory back after a burst. The runtime collects garbage only when something is allocated: after a flood, an
/// idle server would keep all of it, and a small machine would lack the room for the next one.
/// </summary>
internal sealed class MemoryRelease(TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>A smaller heap, as a fraction of the memory, is left alone.</summary>
    private const int LeastShareOfMemory = 5;

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
}
