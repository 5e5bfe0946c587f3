using System.Collections.Concurrent;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Lengths of blobs that were there a moment ago, so that not each pull asks the store first. What is not there is not
/// remembered: it may come any time.
/// </summary>
internal sealed class KnownLengths(TimeProvider clock)
{
    /// <summary>Some 2 MiB.</summary>
    private const int MaximumEntries = 10_000;

    /// <summary>How long a blob that another node removed may seem to be there.</summary>
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Digest, Entry> entries = new();

    /// <summary>The length in bytes, or null where it has to be asked.</summary>
    public long? Find(Digest digest) =>
        entries.TryGetValue(digest, out var entry) && clock.GetElapsedTime(entry.At) < Life ? entry.Bytes : null;

    public void Add(Digest digest, long bytes)
    {
        if (entries.Count >= MaximumEntries) entries.Clear();
        entries[digest] = new Entry(bytes, clock.GetTimestamp());
    }

    public void Remove(Digest digest) => entries.TryRemove(digest, out _);

    private readonly record struct Entry(long Bytes, long At);
}
