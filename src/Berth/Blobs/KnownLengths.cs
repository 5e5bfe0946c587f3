using System.Collections.Concurrent;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Lengths of blobs that recently existed, so that not every pull has to ask the store first. Absence is never cached:
/// the blob may arrive at any time.
/// </summary>
internal sealed class KnownLengths(TimeProvider clock)
{
    /// <summary>Some 2 MiB.</summary>
    private const int MaximumEntries = 10_000;

    /// <summary>How long a blob removed by another node may still appear to exist.</summary>
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Digest, Entry> entries = new();

    /// <summary>The length in bytes, or null if the store has to be asked.</summary>
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
