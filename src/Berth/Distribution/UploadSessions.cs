using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// The uploads in progress. The table knows which exist; those that this process wrote to stay open with their running
/// hash until they end or rest for a while.
/// </summary>
internal sealed class UploadSessions(
    UploadTable table, FileBlobStore store, LimitSettings limits, StorageSettings storage, TimeProvider clock)
    : IDisposable
{
    private static readonly TimeSpan LongestUnrecorded = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Activity is recorded at most this often, and often enough that no upload in use looks abandoned.
    /// </summary>
    private readonly TimeSpan recordedEvery =
        TimeSpan.FromTicks(Math.Min(LongestUnrecorded.Ticks, storage.Maintenance.UploadPurging.Age.Ticks / 4));

    private readonly ConcurrentDictionary<UploadId, OpenUpload> open = new();
    private readonly SemaphoreSlim writers = new(limits.ConcurrentUploads);

    public async Task<BlobUpload> StartAsync(RepositoryName repository, DigestAlgorithm algorithm, string actor)
    {
        var id = UploadId.New();
        await table.AddAsync(new UploadRow(id, repository, algorithm), actor);
        return Open(id, repository, algorithm);
    }

    /// <summary>Finds an upload of this repository, wherever it was begun.</summary>
    public BlobUpload? Find(RepositoryName repository, UploadId? id)
    {
        if (id is null) return null;
        if (open.TryGetValue(id.Value, out var known))
        {
            return known.Upload.Repository == repository ? known.Upload : null;
        }

        return table.Find(id.Value) is { } row && row.Repository == repository
            ? Open(id.Value, repository, row.Algorithm)
            : null;
    }

    /// <summary>A place among the uploads that are written at once, or null where all are taken.</summary>
    public IDisposable? TryTakePlace() => writers.Wait(0) ? new Place(writers) : null;

    /// <summary>Notes that the upload was active, which puts off its expiry.</summary>
    public Task TouchAsync(BlobUpload upload)
    {
        if (!open.TryGetValue(upload.Id, out var session)) return Task.CompletedTask;
        var now = clock.GetUtcNow();
        session.ActiveAt = now;
        if (now - session.RecordedAt < recordedEvery) return Task.CompletedTask;
        session.RecordedAt = now;
        return table.TouchAsync(upload.Id);
    }

    /// <summary>Lets go of an upload that has become a blob.</summary>
    public void Close(BlobUpload upload)
    {
        open.TryRemove(upload.Id, out _);
        upload.Dispose();
    }

    /// <summary>Ends an upload and forgets what it received.</summary>
    public async Task CancelAsync(UploadId id)
    {
        // The row first: whoever asks meanwhile finds a session that lets nobody in, and opens no second one.
        await table.RemoveAsync(id);
        if (open.TryRemove(id, out var session)) session.Upload.Dispose();
        store.DeleteUpload(id);
    }

    /// <summary>
    /// Ends an upload that looks abandoned, unless a request has been writing to it for all that time.
    /// </summary>
    public Task ExpireAsync(UploadId id) => open.TryGetValue(id, out var session) && !session.Upload.TryEnter()
        ? table.TouchAsync(id)
        : CancelAsync(id);

    /// <summary>Closes the files of uploads that rest. They open again when their client goes on.</summary>
    public void CloseResting(TimeSpan since)
    {
        foreach (var (id, session) in open)
        {
            if (clock.GetUtcNow() - session.ActiveAt < since || !session.Upload.TryEnter()) continue;
            if (open.TryRemove(id, out _)) session.Upload.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var session in open.Values) session.Upload.Dispose();
        writers.Dispose();
    }

    private BlobUpload Open(UploadId id, RepositoryName repository, DigestAlgorithm algorithm) => open.GetOrAdd(id, _ =>
    {
        var now = clock.GetUtcNow();
        return new OpenUpload(store.OpenUpload(id, repository, algorithm)) { ActiveAt = now, RecordedAt = now };
    }).Upload;

    private sealed class OpenUpload(BlobUpload upload)
    {
        public BlobUpload Upload { get; } = upload;

        public DateTimeOffset ActiveAt { get; set; }

        public DateTimeOffset RecordedAt { get; set; }
    }

    private sealed class Place(SemaphoreSlim writers) : IDisposable
    {
        public void Dispose() => writers.Release();
    }
}
