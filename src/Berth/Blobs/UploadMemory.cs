using System.Threading.RateLimiting;

namespace Berth.Blobs;

/// <summary>
/// The memory that parts on their way to a store may take, of all uploads together. Who wants some waits in line. A
/// part's whole size is reserved before it is filled, and nobody waits for more while a part that it holds needs
/// anything but the store: so each gets its turn.
/// </summary>
internal sealed class UploadMemory : IDisposable
{
    private const int BytesPerPermit = 1 << 20;

    private readonly ConcurrencyLimiter limiter;

    public UploadMemory(long bytes)
    {
        Permits = (int)Math.Min(int.MaxValue, (bytes + BytesPerPermit - 1) / BytesPerPermit);
        limiter = new ConcurrencyLimiter(new ConcurrencyLimiterOptions
        {
            PermitLimit = Permits,
            QueueLimit = int.MaxValue,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        });
    }

    /// <summary>Whether somebody waits for memory.</summary>
    public bool IsContended => limiter.GetStatistics() is { CurrentQueuedCount: > 0 };

    /// <summary>How many bytes nobody has.</summary>
    public long FreeBytes => (limiter.GetStatistics()?.CurrentAvailablePermits ?? 0) * BytesPerPermit;

    private int Permits { get; }

    /// <summary>Waits in line for memory. Dispose of it to give it back.</summary>
    public async ValueTask<IDisposable> ReserveAsync(long bytes, CancellationToken cancellation) =>
        await limiter.AcquireAsync(PermitsFor(bytes), cancellation);

    /// <summary>Memory that is free at once, or null.</summary>
    public IDisposable? TryReserve(long bytes)
    {
        var lease = limiter.AttemptAcquire(PermitsFor(bytes));
        if (lease.IsAcquired) return lease;
        lease.Dispose();
        return null;
    }

    public void Dispose() => limiter.Dispose();

    private int PermitsFor(long bytes) => (int)Math.Clamp((bytes + BytesPerPermit - 1) / BytesPerPermit, 1, Permits);
}
