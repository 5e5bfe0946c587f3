using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>Why the files of an image can't be shown at present.</summary>
internal sealed class TreeUnavailableException(string message) : Exception(message);

/// <summary>Layers whose files are shown together.</summary>
/// <param name="Layers">Layers that are indexed, the lowest first.</param>
/// <param name="IsOne">Whether it is one by itself, with what it takes away from others.</param>
internal sealed record MergedLayers(IReadOnlyList<Digest> Layers, bool IsOne)
{
    public string Key { get; } = $"{(IsOne ? "one" : "all")} {string.Join(' ', Layers)}";
}

/// <summary>
/// The files of images, put together from the lists of their layers. One is put together at a time, and those that were
/// looked at last are kept, in as much memory as one may take.
/// </summary>
internal sealed class MergedTrees(Database database, ContentsSettings settings, TimeProvider clock) : IDisposable
{
    /// <summary>Nobody waits longer for a page.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim turn = new(1);
    private readonly Lock keeping = new();

    /// <summary>What was looked at last comes last.</summary>
    private readonly List<(string Key, FileTree Tree)> kept = [];

    /// <summary>The files of layers on top of each other, or of one by itself.</summary>
    /// <param name="layers">Which.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="TreeTooLargeException">There are too many files.</exception>
    /// <exception cref="TreeUnavailableException">It takes too long, or too many others wait.</exception>
    public async ValueTask<FileTree> FindAsync(MergedLayers layers, CancellationToken cancellation) =>
        (await FindAllAsync([layers], cancellation))[0];

    /// <summary>
    /// The same for several at once, in one turn: whoever held one while waiting for another would keep memory from
    /// those before it.
    /// </summary>
    /// <exception cref="TreeTooLargeException">There are too many files.</exception>
    /// <exception cref="TreeUnavailableException">It takes too long, or too many others wait.</exception>
    public async ValueTask<IReadOnlyList<FileTree>> FindAllAsync(
        IReadOnlyList<MergedLayers> wanted, CancellationToken cancellation)
    {
        List<FileTree?> there = [.. wanted.Select(one => Find(one.Key))];
        if (there.TrueForAll(one => one is not null)) return there!;
        there.Clear();
        if (!await turn.WaitAsync(LongestWait, cancellation))
            throw new TreeUnavailableException("the registry is reading other images: ask again later");
        try
        {
            using var limit = new CancellationTokenSource(LongestWait, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
            foreach (var one in wanted)
            {
                if (Find(one.Key) is not { } tree)
                {
                    tree = await BuildAsync(one, either.Token);
                    Keep(one.Key, tree);
                }

                there.Add(tree);
            }

            return there!;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TreeUnavailableException(
                $"putting its layers together takes longer than {LongestWait.TotalSeconds} seconds");
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose() => turn.Dispose();

    private async Task<FileTree> BuildAsync(MergedLayers wanted, CancellationToken cancellation)
    {
        var builder = new FileTreeBuilder(settings.TreeBytes, showsWhiteouts: wanted.IsOne);
        foreach (var digest in wanted.Layers)
        {
            var index = await database.ReadAsync(
                    session => LayerIndexTable.LoadAsync(session, digest), cancellation)
                ?? throw new TreeUnavailableException("its layers are changing: ask again");

            // Some seconds of work, which is not for the thread that others' requests arrive on.
            await Task.Run(() => builder.Add(() => Read(index)), cancellation);
        }

        return await Task.Run(builder.Finish, cancellation);

        IEnumerable<IndexedEntry> Read(byte[] index)
        {
            foreach (var entry in LayerIndexReader.Read(index))
            {
                cancellation.ThrowIfCancellationRequested();
                yield return entry;
            }
        }
    }

    private FileTree? Find(string key)
    {
        lock (keeping)
        {
            var place = kept.FindIndex(one => one.Key == key);
            if (place < 0) return null;
            var found = kept[place];
            kept.RemoveAt(place);
            kept.Add(found);
            return found.Tree;
        }
    }

    private void Keep(string key, FileTree tree)
    {
        lock (keeping)
        {
            kept.Add((key, tree));
            while (kept.Count > 1 && kept.Sum(one => one.Tree.CostBytes) > settings.TreeBytes) kept.RemoveAt(0);
        }
    }
}
