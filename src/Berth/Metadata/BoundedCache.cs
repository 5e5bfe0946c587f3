using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Berth.Metadata;

/// <summary>
/// A cache of two generations: new entries and those in use go into the young one. When it is full it becomes the old
/// one, and the previous old generation is dropped with all entries that were not used since. Approximates LRU, with
/// lock-free reads.
/// </summary>
/// <param name="maxCost">The most that both generations may hold together, in the unit of the callers' costs.</param>
internal sealed class BoundedCache<T>(long maxCost)
{
    private readonly Lock turning = new();
    private volatile Generation young = new();
    private volatile Generation old = new();

    public bool TryGet(ReadOnlySpan<char> key, [MaybeNullWhen(false)] out T value)
    {
        if (young.TryGet(key, out var entry))
        {
            value = entry.Value;
            return true;
        }

        if (old.TryGet(key, out entry))
        {
            Promote(key.ToString());
            value = entry.Value;
            return true;
        }

        value = default;
        return false;
    }

    public void Set(string key, T value, long cost)
    {
        if (cost > maxCost / 4) return;
        if (young.Set(key, new Entry(value, cost)) > maxCost / 2) Turn();
    }

    public void Remove(string key)
    {
        lock (turning)
        {
            young.Remove(key);
            old.Remove(key);
        }
    }

    public void Clear()
    {
        lock (turning)
        {
            young = new Generation();
            old = new Generation();
        }
    }

    /// <summary>
    /// Takes the same lock as <see cref="Remove"/>, so that a concurrently removed entry does not come back.
    /// </summary>
    private void Promote(string key)
    {
        lock (turning)
        {
            if (old.TryGet(key, out var entry)) young.Set(key, entry);
        }
    }

    private void Turn()
    {
        lock (turning)
        {
            if (young.Cost <= maxCost / 2) return;
            old = young;
            young = new Generation();
        }
    }

    private readonly record struct Entry(T Value, long Cost);

    private sealed class Generation
    {
        private readonly ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);
        private readonly ConcurrentDictionary<string, Entry>.AlternateLookup<ReadOnlySpan<char>> bySpan;
        private long cost;

        public Generation() => bySpan = entries.GetAlternateLookup<ReadOnlySpan<char>>();

        public long Cost => Interlocked.Read(ref cost);

        public bool TryGet(ReadOnlySpan<char> key, out Entry entry) => bySpan.TryGetValue(key, out entry);

        public long Set(string key, Entry entry)
        {
            entries[key] = entry;
            return Interlocked.Add(ref cost, entry.Cost);
        }

        public void Remove(string key)
        {
            if (entries.TryRemove(key, out var entry)) Interlocked.Add(ref cost, -entry.Cost);
        }
    }
}
