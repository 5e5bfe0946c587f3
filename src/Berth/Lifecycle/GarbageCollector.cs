using System.Diagnostics.Metrics;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Lifecycle;

/// <summary>
/// Removes what nothing needs any more, beside pushes and pulls (docs/decisions/0017):
/// <code>
/// tag or index goes ► manifest under review ► in the trash, its blobs' links under review ► removed
/// link under review ► condemned: no longer served, but a manifest brings it back ► removed, unless the trash needs it
/// last link removed ► blob condemned ► being deleted: nobody may push it ► gone
/// </code>
/// Each step looks again, in one transaction, whether something needs the thing by now. All that is left to do is in
/// the database, so that a round can stop anywhere, and the next one, on any node, goes on from there.
/// </summary>
internal sealed partial class GarbageCollector(
    Database database, RepositoryChanges changes, Removal removal, Uploads uploads, IBlobStore store,
    GarbageSettings settings, TrashSettings trash, TimeProvider clock, ILogger<GarbageCollector> log)
{
    /// <summary>In one transaction: few enough that pushes to the same repository hardly wait.</summary>
    private const int Batch = 200;

    /// <summary>In one piece of the work of rounds that nobody waits for: a few milliseconds.</summary>
    private const int SmallBatch = 20;

    private const int ParallelDeletions = 8;

    private static readonly Actor Self = new("garbage collection");

    private static readonly Counter<long> Removed = Meters.Berth.CreateCounter<long>(
        "berth.garbage.removed", "{item}", "Manifests and blobs that nothing needed, and that were removed.");

    private static readonly Counter<long> Freed = Meters.Berth.CreateCounter<long>(
        "berth.garbage.freed", "By", "The length of blobs that were deleted since nothing needed them.");

    private static readonly KeyValuePair<string, object?> ManifestTag = new("berth.item", "manifest");
    private static readonly KeyValuePair<string, object?> BlobTag = new("berth.item", "blob");

    private static readonly TimeSpan DeletionLimit = GarbageTable.DeletionLimit / 2;

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Removes what is due.</summary>
    /// <param name="grace">How long a blob stays that nothing needs.</param>
    /// <param name="cancellation">Ends the round where it is.</param>
    /// <exception cref="IOException">Some blobs could not be deleted; the next round tries again.</exception>
    public Task<GarbageReport> RunAsync(TimeSpan grace, CancellationToken cancellation) =>
        RunAsync(grace, Pace.Full, Batch, _ => Task.CompletedTask, cancellation);

    /// <summary>The same, at rest for most of the time.</summary>
    public Task<GarbageReport> RunGentlyAsync(CancellationToken cancellation) => RunAsync(
        settings.Grace, new Pace(settings.Share / 100.0, clock), SmallBatch, _ => Task.CompletedTask, cancellation);

    /// <summary>Removes what is due, and what that leaves over, until nothing is due.</summary>
    /// <param name="grace">How long a blob stays that nothing needs.</param>
    /// <param name="emptiesTrash">Whether what is in the trash by now goes too.</param>
    /// <param name="tell">Hears now and then what was removed so far.</param>
    /// <param name="cancellation">Ends the collection where it is.</param>
    /// <exception cref="IOException">Some blobs could not be deleted; a later round tries again.</exception>
    public async Task RunAllAsync(
        TimeSpan grace, bool emptiesTrash, Func<GarbageReport, Task> tell, CancellationToken cancellation)
    {
        var (done, start) = (GarbageReport.Nothing, Now);
        while (true)
        {
            if (emptiesTrash)
            {
                await database.WriteAsync(
                    session => TrashTable.HastenAsync(session, TrashScope.Before(start), Now), isDurable: false,
                    cancellation);
            }

            var before = done;
            var report = await RunAsync(grace, Pace.Full, Batch, now => tell(before + now), cancellation);
            done += report;
            await tell(done);
            if (report == GarbageReport.Nothing) return;
        }
    }

    private async Task<GarbageReport> RunAsync(
        TimeSpan grace, Pace pace, int batch, Func<GarbageReport, Task> tell, CancellationToken cancellation)
    {
        var report = GarbageReport.Nothing;
        var untagged = (long)settings.Untagged.TotalMilliseconds;
        var half = (long)(grace / 2).TotalMilliseconds;
        await ForEachDueAsync(
            GarbageTable.DueManifestsAsync, RemoveManifestsAsync, untagged, batch,
            count => AddAsync(trash.Keep == TimeSpan.Zero
                ? new GarbageReport(count, 0, 0, 0) : new GarbageReport(0, 0, 0, 0) { Trashed = count }),
            cancellation);
        await PurgeTrashAsync(batch, count => AddAsync(new GarbageReport(count, 0, 0, 0)), cancellation);
        await ForEachDueAsync(
            GarbageTable.DueLinksAsync, CondemnAsync, half, batch, _ => pace.RestAsync(cancellation).AsTask(),
            cancellation);
        await ForEachDueAsync(
            GarbageTable.CondemnedLinksAsync, RemoveLinksAsync, half, batch,
            count => AddAsync(new GarbageReport(0, count, 0, 0)), cancellation);
        await DeleteBlobsAsync(
            batch,
            deleted => AddAsync(new GarbageReport(0, 0, deleted.Count, deleted.Sum(blob => blob.SizeBytes))),
            cancellation);
        if (report != GarbageReport.Nothing)
            LogDone(report.Trashed, report.Manifests, report.Links, report.Blobs, report.Bytes);
        return report;

        async Task AddAsync(GarbageReport more)
        {
            report += more;
            Removed.Add(more.Manifests, ManifestTag);
            Removed.Add(more.Blobs, BlobTag);
            Freed.Add(more.Bytes);
            await tell(report);
            await pace.RestAsync(cancellation);
        }
    }

    /// <summary>Condemns blobs that no row knows: their upload or their deletion was cut off.</summary>
    /// <returns>How many there are.</returns>
    public async Task<int> FindOrphansAsync(CancellationToken cancellation)
    {
        // Those of images that a rebuild would bring back are not garbage.
        if (await database.ReadAsync(JournalTable.IsBehindAsync, cancellation)) return 0;
        var found = 0;
        await foreach (var digests in store.ListAsync(cancellation).Chunk(Batch).WithCancellation(cancellation))
        {
            var texts = digests.Select(digest => digest.Text).ToList();
            var unknown = await database.ReadAsync(session => GarbageTable.UnknownAsync(session, texts), cancellation);
            if (unknown.Count == 0) continue;
            var now = Now;
            found += await database.WriteAsync(
                session => GarbageTable.AdoptAsync(
                    session, unknown, now, now + (long)settings.Grace.TotalMilliseconds),
                isDurable: false, cancellation);
        }

        if (found > 0) LogOrphans(found);
        return found;
    }

    private async ValueTask<int> RemoveManifestsAsync(
        RepositoryChange change, long repositoryId, IReadOnlyList<string> digests, long before)
    {
        var removed = 0;
        foreach (var text in digests)
        {
            var digest = Digest.Parse(text);
            if (await GarbageTable.IsHeldAsync(change.Session, repositoryId, digest, before)) continue;
            removed += await removal.RemoveManifestAsync(
                change, repositoryId, digest, Self, TrashReasons.Untagged);
        }

        return removed;
    }

    /// <summary>Removes what has been in the trash for as long as it was to be.</summary>
    private async Task PurgeTrashAsync(int batch, Func<int, Task> tell, CancellationToken cancellation)
    {
        var before = Now;
        while (await database.ReadAsync(session => TrashTable.DueAsync(session, before, batch), cancellation)
            is { Count: > 0 } due)
        {
            foreach (var row in due)
            {
                cancellation.ThrowIfCancellationRequested();
                await tell(await changes.RunAsync(
                    RepositoryName.Parse(row.Repository), RepositoryLock.Exclusive, isDurable: false,
                    change => TrashTable.PurgeAsync(change.Session, row, batch), cancellation));
            }
        }
    }

    /// <summary>Does something with all that is due, each repository's in transactions of their own.</summary>
    private async Task ForEachDueAsync(
        Func<Session, long, int, ValueTask<List<GarbageCandidate>>> find,
        Func<RepositoryChange, long, IReadOnlyList<string>, long, ValueTask<int>> act, long age, int batch,
        Func<int, Task> tell, CancellationToken cancellation)
    {
        while (true)
        {
            var before = Now - age;
            var due = await database.ReadAsync(session => find(session, before, batch), cancellation);
            if (due.Count == 0) return;
            foreach (var group in due.GroupBy(one => (one.RepositoryId, one.Repository), one => one.Digest))
            {
                cancellation.ThrowIfCancellationRequested();
                List<string> digests = [.. group];
                await tell(await changes.RunAsync(
                    group.Key.Repository, RepositoryLock.Exclusive, isDurable: false,
                    change => act(change, group.Key.RepositoryId, digests, before), cancellation));
            }
        }
    }

    private async ValueTask<int> CondemnAsync(
        RepositoryChange change, long repositoryId, IReadOnlyList<string> digests, long before)
    {
        var condemned = await GarbageTable.ReviewLinksAsync(change.Session, repositoryId, digests, before, Now);
        foreach (var digest in condemned) change.NoteUnlinked(Digest.Parse(digest));
        return condemned.Count;
    }

    private ValueTask<int> RemoveLinksAsync(
        RepositoryChange change, long repositoryId, IReadOnlyList<string> digests, long before) =>
        GarbageTable.RemoveLinksAsync(change.Session, repositoryId, digests, before, Now);

    private async Task DeleteBlobsAsync(
        int batch, Func<List<GarbageBlob>, Task> tell, CancellationToken cancellation)
    {
        (Digest Digest, long CondemnedAt)? last = null;
        while (true)
        {
            var before = Now;
            var due = await database.ReadAsync(
                session => GarbageTable.CondemnedBlobsAsync(session, before, last, batch), cancellation);
            if (due.Count == 0) return;
            last = due[^1];
            var ours = due.Select(blob => blob.Digest).Where(uploads.TryBeginDeleting).ToList();
            try
            {
                await tell(await DeleteAsync(ours, before, cancellation));
            }
            finally
            {
                foreach (var digest in ours) uploads.EndDeleting(digest);
            }

            if (settings.BlobsPerSecond > 0)
                await Task.Delay(TimeSpan.FromSeconds(1.0 * due.Count / settings.BlobsPerSecond), clock, cancellation);
        }
    }

    private async Task<List<GarbageBlob>> DeleteAsync(
        IReadOnlyList<Digest> digests, long before, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var began = now.ToUnixTimeMilliseconds();
        var garbage = await database.WriteAsync(
            session => GarbageTable.BeginDeletingAsync(session, digests, before, now), isDurable: true, cancellation);
        if (garbage.Count == 0) return [];
        using var limit = new CancellationTokenSource(DeletionLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        var (gone, failure) = await DeleteFilesAsync(garbage, either.Token);

        // The others stay as they are for a while: the store may yet do what it was asked.
        await database.WriteAsync(
            session => GarbageTable.EndDeletingAsync(session, gone.Select(blob => blob.Digest), began),
            isDurable: false, CancellationToken.None);
        cancellation.ThrowIfCancellationRequested();
        return failure is null ? gone : throw new IOException($"blobs can't be deleted: {failure.Message}", failure);
    }

    private async Task<(List<GarbageBlob> Gone, Exception? Failure)> DeleteFilesAsync(
        List<GarbageBlob> garbage, CancellationToken cancellation)
    {
        var gone = new List<GarbageBlob>();
        Exception? failure = null;
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelDeletions };
        await Parallel.ForEachAsync(garbage, parallel, async (blob, _) =>
        {
            try
            {
                await store.DeleteAsync(blob.Digest, cancellation);
                lock (gone) gone.Add(blob);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or OperationCanceledException)
            {
                failure = e;
            }
        });
        return (gone, failure);
    }

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Garbage collection moved manifests to the trash: {Trashed}, and removed manifests: {Manifests}, blobs from "
        + "repositories: {Links}, blobs from the store: {Blobs}, of {Bytes} bytes")]
    private partial void LogDone(long trashed, long manifests, long links, long blobs, long bytes);

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Found {Count} blobs in the store that the database does not know: they go after storage.maintenance.gc.grace")]
    private partial void LogOrphans(int count);
}
