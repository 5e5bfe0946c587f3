using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>
/// What a collection would remove now, found by reading alone. What pushes and deletions change meanwhile is not in it,
/// nor what goes without a tag but in company of what is counted.
/// </summary>
internal sealed class GarbageEstimate(
    Database database, Reclaimable reclaimable, GarbageSettings settings, TrashSettings trash, TimeProvider clock)
{
    /// <param name="grace">How long a blob stays that nothing needs.</param>
    /// <param name="emptiesTrash">Whether what is in the trash by now goes too.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<GarbageReport> RunAsync(
        TimeSpan grace, bool emptiesTrash, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var half = (long)(grace / 2).TotalMilliseconds;
        var untagged = await FindManifestsAsync(now - (long)settings.Untagged.TotalMilliseconds, cancellation);
        var due = emptiesTrash ? long.MaxValue : now;
        var purged = await database.ReadAsync(
            session => GarbageForecast.TrashedAsync(session, due), cancellation);
        var entries = await database.ReadAsync(session => TrashTable.CountDueAsync(session, due), cancellation);
        var isTrashed = trash.Keep > TimeSpan.Zero && !emptiesTrash;
        if (!isTrashed) purged.AddRange(untagged);
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

        await AddNeedsOfAsync(purged, going, half == 0 ? now : now - half, isAll: half == 0, cancellation);
        var (blobs, bytes) = await CountBlobsAsync(going, now, cancellation);
        return new GarbageReport(purged.Count, going.Count, blobs, bytes)
        {
            Trashed = isTrashed ? untagged.Count : 0,
            TrashEntries = entries,
        };
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

    /// <summary>
    /// What only manifests that go need goes with them: at once if it is hidden for long enough, else after the grace
    /// period.
    /// </summary>
    private async Task AddNeedsOfAsync(
        List<GarbageCandidate> manifests, HashSet<(long, string)> going, long hiddenBefore, bool isAll,
        CancellationToken cancellation)
    {
        foreach (var group in manifests.GroupBy(one => one.RepositoryId, one => one.Digest))
        {
            var left = await database.ReadAsync(
                session => GarbageForecast.NeededOnlyByAsync(session, group.Key, [.. group], hiddenBefore, isAll),
                cancellation);
            foreach (var digest in left) going.Add((group.Key, digest));
        }
    }

    private async Task<(long Blobs, long Bytes)> CountBlobsAsync(
        HashSet<(long, string)> going, long now, CancellationToken cancellation)
    {
        var total = await database.ReadAsync(
            session => GarbageForecast.CondemnedTotalAsync(session, now), cancellation);
        foreach (var (_, size) in await reclaimable.FindOwnAsync(going, cancellation))
            total = (total.Blobs + 1, total.Bytes + size);
        return total;
    }
}
