using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>
/// What a collection would remove now, found by reading alone. What pushes and deletions change meanwhile is not in it.
/// </summary>
internal sealed class GarbageEstimate(Database database, GarbageSettings settings, TimeProvider clock)
{
    private const int Batch = 500;

    /// <param name="grace">How long a blob stays that nothing needs.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<GarbageReport> RunAsync(TimeSpan grace, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var half = (long)(grace / 2).TotalMilliseconds;
        var manifests = await FindManifestsAsync(now - (long)settings.Untagged.TotalMilliseconds, cancellation);
        var links = await database.ReadAsync(
            session => GarbageForecast.LinksAsync(
                session, condemnedBefore: now - half, reviewedBefore: half == 0 ? now : -1), cancellation);
        var going = new HashSet<(long, string)>();
        foreach (var group in links.GroupBy(link => link.RepositoryId, link => link.Digest))
        {
            foreach (var digest in await database.ReadAsync(
                session => GarbageForecast.NotNeededAsync(session, group.Key, [.. group]), cancellation))
            {
                going.Add((group.Key, digest));
            }
        }

        if (half == 0) await AddNeedsOfAsync(manifests, going, cancellation);
        var (blobs, bytes) = await CountBlobsAsync(going, now, cancellation);
        return new GarbageReport(manifests.Count, going.Count, blobs, bytes);
    }

    private async Task<List<GarbageCandidate>> FindManifestsAsync(long before, CancellationToken cancellation)
    {
        var due = await database.ReadAsync(
            session => GarbageTable.DueManifestsAsync(session, before, int.MaxValue), cancellation);
        var going = new List<GarbageCandidate>();
        foreach (var one in due)
        {
            var isHeld = await database.ReadAsync(
                session => GarbageTable.IsHeldAsync(session, one.RepositoryId, Digest.Parse(one.Digest)),
                cancellation);
            if (!isHeld) going.Add(one);
        }

        return going;
    }

    /// <summary>What only manifests that go need goes with them.</summary>
    private async Task AddNeedsOfAsync(
        List<GarbageCandidate> manifests, HashSet<(long, string)> going, CancellationToken cancellation)
    {
        foreach (var group in manifests.GroupBy(one => one.RepositoryId, one => one.Digest))
        {
            var left = await database.ReadAsync(
                session => GarbageForecast.NeededOnlyByAsync(session, group.Key, [.. group]), cancellation);
            foreach (var digest in left) going.Add((group.Key, digest));
        }
    }

    private async Task<(long Blobs, long Bytes)> CountBlobsAsync(
        HashSet<(long, string)> going, long now, CancellationToken cancellation)
    {
        var total = await database.ReadAsync(
            session => GarbageForecast.CondemnedTotalAsync(session, now), cancellation);
        foreach (var digests in going.GroupBy(link => link.Item2).Chunk(Batch))
        {
            var counts = digests.ToDictionary(group => group.Key, group => (long)group.Count());
            var links = await database.ReadAsync(
                session => GarbageForecast.CountLinksAsync(session, counts.Keys), cancellation);
            foreach (var (digest, count, size) in links)
            {
                if (counts[digest] == count) total = (total.Blobs + 1, total.Bytes + size);
            }
        }

        return total;
    }
}
