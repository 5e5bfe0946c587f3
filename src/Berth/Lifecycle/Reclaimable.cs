using Berth.Metadata;
using Berth.Oci;

namespace Berth.Lifecycle;

/// <summary>Manifests of a repository that would go.</summary>
/// <param name="RepositoryId">The repository.</param>
/// <param name="Repository">Its name.</param>
/// <param name="Going">Those that go.</param>
/// <param name="Asked">Those whose blobs are counted: the same, and some that stay since something holds them.</param>
internal sealed record GoingManifests(
    long RepositoryId, string Repository, IReadOnlyCollection<string> Going, IReadOnlyCollection<string> Asked)
{
    /// <summary>Whether all of the repository goes, with blobs that no manifest needs.</summary>
    public bool IsWhole { get; init; }

    /// <summary>The tags that go, also those of images that stay.</summary>
    public IReadOnlyCollection<string> Tags { get; init; } = [];

    public static GoingManifests Of(long repositoryId, string repository, IReadOnlyCollection<string> going) =>
        new(repositoryId, repository, going, going);
}

/// <summary>A repository that holds some of the blobs.</summary>
/// <param name="Repository">Its name.</param>
/// <param name="Bytes">The length of those blobs, in bytes.</param>
/// <param name="Images">Some of the tags, and digests without one, that need them.</param>
/// <param name="InTrash">Whether all of those images are in its trash.</param>
internal sealed record BlobHolder(string Repository, long Bytes, IReadOnlyList<string> Images, bool InTrash);

/// <summary>What would be free once some manifests are gone for good.</summary>
/// <param name="Manifests">How many manifests would go.</param>
/// <param name="Blobs">How many blobs would go.</param>
/// <param name="OwnBytes">Their length, in bytes.</param>
/// <param name="SharedBytes">The length of the other blobs that these manifests need, in bytes.</param>
internal sealed record ReclaimableBytes(long Manifests, long Blobs, long OwnBytes, long SharedBytes)
{
    /// <summary>Who else has the shared ones, so far as the caller may know.</summary>
    public IReadOnlyList<BlobHolder> Holders { get; init; } = [];

    /// <summary>How many other repositories have some of them.</summary>
    public long OtherHolders { get; init; }
}

/// <summary>Finds what a deletion would free, by reading alone.</summary>
internal sealed class Reclaimable(Database database) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1, 1);

    /// <summary>How many holders are named.</summary>
    public const int NamedHolders = 20;

    private const int Batch = 500;
    private const int ImagesPerHolder = 3;

    /// <summary>How many other repositories are looked at for who may be named.</summary>
    private const int CountedHolders = 1000;

    public void Dispose() => turn.Dispose();

    /// <summary>A turn for a question that needs much memory, until it is disposed of; null if none came.</summary>
    public async Task<IDisposable?> TakeTurnAsync(TimeSpan longest, CancellationToken cancellation) =>
        await turn.WaitAsync(longest, cancellation) ? new Turn(turn) : null;

    /// <param name="sets">What would go. At most one for a repository.</param>
    /// <param name="mayName">Which repositories may be named as holders; null: none is looked for.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<ReclaimableBytes> RunAsync(
        IReadOnlyList<GoingManifests> sets, Func<RepositoryName, ValueTask<bool>>? mayName,
        CancellationToken cancellation)
    {
        var asked = new Dictionary<long, List<(string Digest, long SizeBytes)>>();
        var going = new HashSet<(long, string)>();
        foreach (var set in sets)
        {
            var blobs = await database.ReadAsync(
                session => set.IsWhole ? GarbageForecast.BlobsAsync(session, set.RepositoryId)
                    : GarbageForecast.NeededByAsync(session, set.RepositoryId, set.Asked),
                cancellation);
            asked[set.RepositoryId] = blobs;
            var leaving = set.IsWhole ? [.. blobs.Select(blob => blob.Digest)]
                : set.Going.Count == 0 ? [] : await database.ReadAsync(
                    session => GarbageForecast.NeededOnlyByAsync(
                        session, set.RepositoryId, [.. set.Going], hiddenBefore: 0, isAll: true), cancellation);
            foreach (var digest in leaving) going.Add((set.RepositoryId, digest));
        }

        var own = await FindOwnAsync(going, cancellation);
        var freed = own.Select(blob => blob.Digest).ToHashSet(StringComparer.Ordinal);
        var shared = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (digest, size) in asked.Values.SelectMany(blobs => blobs))
        {
            if (!freed.Contains(digest)) shared[digest] = size;
        }

        var found = new ReclaimableBytes(
            sets.Sum(set => (long)set.Going.Count), own.Count, own.Sum(blob => blob.SizeBytes), shared.Values.Sum());
        if (mayName is null || shared.Count == 0) return found;
        return await AddHoldersAsync(found, sets, shared, going, mayName, cancellation);
    }

    /// <summary>The blobs among these links that nothing else links.</summary>
    public async Task<List<(string Digest, long SizeBytes)>> FindOwnAsync(
        HashSet<(long RepositoryId, string Digest)> going, CancellationToken cancellation)
    {
        var own = new List<(string, long)>();
        foreach (var digests in going.GroupBy(link => link.Digest).Chunk(Batch))
        {
            var counts = digests.ToDictionary(group => group.Key, group => (long)group.Count());
            var links = await database.ReadAsync(
                session => GarbageForecast.CountLinksAsync(session, counts.Keys), cancellation);
            own.AddRange(links.Where(link => counts[link.Digest] == link.Links)
                .Select(link => (link.Digest, link.SizeBytes)));
        }

        return own;
    }

    private async Task<ReclaimableBytes> AddHoldersAsync(
        ReclaimableBytes found, IReadOnlyList<GoingManifests> sets, Dictionary<string, long> shared,
        HashSet<(long, string)> going, Func<RepositoryName, ValueTask<bool>> mayName, CancellationToken cancellation)
    {
        var candidates = await database.ReadAsync(
            session => GarbageForecast.HoldersAsync(
                session, shared.Keys, sets.Select(set => set.RepositoryId), CountedHolders), cancellation);

        // Those that something would go from, so far as they keep some of it.
        var kept = new Dictionary<long, long>();
        foreach (var digests in shared.Keys.Chunk(Batch))
        {
            var links = await database.ReadAsync(
                session => GarbageForecast.LinkedAsync(session, sets.Select(set => set.RepositoryId), digests),
                cancellation);
            foreach (var (id, digest, size) in links)
            {
                if (!going.Contains((id, digest))) kept[id] = kept.GetValueOrDefault(id) + size;
            }
        }

        foreach (var set in sets)
        {
            if (kept.TryGetValue(set.RepositoryId, out var here) && here > 0)
                candidates.Add((set.RepositoryId, set.Repository, here));
        }

        var (holders, hidden) = (new List<BlobHolder>(), 0L);
        foreach (var (id, name, bytes) in candidates.OrderByDescending(one => one.Bytes))
        {
            if (holders.Count == NamedHolders || !await mayName(RepositoryName.Parse(name)))
            {
                hidden++;
                continue;
            }

            var set = sets.FirstOrDefault(set => set.RepositoryId == id);
            var users = await database.ReadAsync(
                session => GarbageForecast.UsersAsync(
                    session, id, shared.Keys, set?.Going ?? [], set?.Tags ?? [], ImagesPerHolder),
                cancellation);
            holders.Add(new BlobHolder(
                name, bytes, [.. users.Select(user => user.Reference).Order(StringComparer.Ordinal)],
                users.Count > 0 && users.TrueForAll(user => user.IsInTrash)));
        }

        return found with { Holders = holders, OtherHolders = hidden };
    }

    private sealed class Turn(SemaphoreSlim taken) : IDisposable
    {
        public void Dispose() => taken.Release();
    }
}
