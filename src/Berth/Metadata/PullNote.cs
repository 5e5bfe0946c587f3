namespace Berth.Metadata;

/// <summary>Pulls of a cached manifest that are not in the database yet. A pull costs two writes to memory.</summary>
internal sealed class PullNote
{
    private long lastAt;
    private int count;

    /// <summary>Notes a pull. True for the first one since the last <see cref="Take"/>.</summary>
    /// <param name="now">The time, in milliseconds since 1970.</param>
    public bool Add(long now)
    {
        Volatile.Write(ref lastAt, now);
        return Interlocked.Increment(ref count) == 1;
    }

    /// <summary>The pulls since the last time, and when the last one was.</summary>
    public (int Count, long LastAt) Take() => (Interlocked.Exchange(ref count, 0), Volatile.Read(ref lastAt));
}
