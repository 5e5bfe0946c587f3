using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Distribution;

/// <summary>
/// The repositories that a caller may pull from, in ordinal order: for each pattern that allows it a walk along the
/// index from where its names begin, and one along the index of public repositories.
/// </summary>
internal sealed class VisibleCatalog(
    Database database, VisibleNames visible, CancellationToken cancellation, string end = VisibleCatalog.End)
{
    /// <summary>After all names.</summary>
    public const string End = "\u007f";

    private const int ChunkEntries = 1000;

    /// <summary>Names after <paramref name="last"/>, skipping some first.</summary>
    public async ValueTask<List<string>> ReadAsync(string last, int count, int skip)
    {
        // Skipped names are dropped in chunks, so that memory does not grow with them.
        while (skip > 0)
        {
            var dropped = await ReadAsync(last, Math.Min(skip, ChunkEntries));
            if (dropped.Count == 0) return [];
            (last, skip) = (dropped[^1], skip - dropped.Count);
        }

        return await ReadAsync(last, count);
    }

    private async ValueTask<List<string>> ReadAsync(string last, int count)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var pattern in visible.Patterns) names.UnionWith(await ReadAsync(pattern, last, count));
        if (visible.WithPublic)
        {
            names.UnionWith(await ReadAsync(
                last, count, (session, after) => RepositoryTable.ListPublicAsync(session, after, end, ChunkEntries),
                visible.IsWithinLimits));
        }

        return [.. names.Take(count)];
    }

    private ValueTask<List<string>> ReadAsync(NamePattern pattern, string last, int count)
    {
        var (start, end) = pattern.Range;
        return ReadAsync(
            last, count, (session, after) => RepositoryTable.ListBetweenAsync(session, after, start, end, ChunkEntries),
            name => pattern.Matches(name) && visible.IsWithinLimits(name));
    }

    private async ValueTask<List<string>> ReadAsync(
        string last, int count, Func<Session, string, ValueTask<List<string>>> read, Func<string, bool> isWanted)
    {
        var names = new List<string>();
        while (true)
        {
            var chunk = await database.ReadAsync(session => read(session, last), cancellation);
            names.AddRange(chunk.Where(isWanted).Take(count - names.Count));
            if (names.Count == count || chunk.Count < ChunkEntries) return names;
            last = chunk[^1];
        }
    }
}
