namespace Berth.Metadata;

/// <summary>Pulls of a cached manifest that are not in the database yet. A pull costs two writes to memory.</summary>
internal sealed class PullNote
{
    /// <summary>What the names of scanners begin with that this registry has looked into images: their pulls don't
    /// count.</summary>
    public const string ScannerPrefix = "scanner:";

    private long lastAt;
    private int count;
    private int isNoted;

    /// <summary>Notes a pull. True for the first one since the last <see cref="Take"/>.</summary>
    /// <param name="now">The time, in milliseconds since 1970.</param>
    /// <param name="isCounted">Whether it was pulled, and not only asked for.</param>
    public bool Add(long now, bool isCounted)
    {
        Volatile.Write(ref lastAt, now);
        if (isCounted) Interlocked.Increment(ref count);
        return Volatile.Read(ref isNoted) == 0 && Interlocked.Exchange(ref isNoted, 1) == 0;
    }

    /// <summary>The pulls since the last time, and when it was last asked for.</summary>
    public (int Count, long LastAt) Take()
    {
        // First, so that whoever comes between is taken the next time.
        Interlocked.Exchange(ref isNoted, 0);
        return (Interlocked.Exchange(ref count, 0), Volatile.Read(ref lastAt));
    }
}
