using System.Threading.RateLimiting;

namespace Berth.Blobs;

/// <summary>
/// The memory for parts on their way to a store, shared by all uploads, first come, first served. A part's whole size
/// is reserved before it is filled, and an upload that waits in line holds no memory for other parts. So every upload
/// gets its turn.
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

    /// <summary>Whether anyone is waiting for memory.</summary>
    public bool IsContended => limiter.GetStatistics() is { CurrentQueuedCount: > 0 };

    /// <summary>How many bytes are free.</summary>
    public long FreeBytes => (limiter.GetStatistics()?.CurrentAvailablePermits ?? 0) * BytesPerPermit;

    private int Permits { get; }

    /// <summary>Waits in line for memory. Dispose it to release it.</summary>
    public async ValueTask<IDisposable> ReserveAsync(long bytes, CancellationToken cancellation) =>
        await limiter.AcquireAsync(PermitsFor(bytes), cancellation);

    /// <summary>Memory if it is free right now, or null.</summary>
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
