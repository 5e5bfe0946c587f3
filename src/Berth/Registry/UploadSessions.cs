using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// The uploads in progress. The table knows which exist; those that this process wrote to stay open with their running
/// hash until they end or rest for a while. In a store that nodes share, the table also tells who wrote last: each
/// request claims its upload there, goes on from the state it finds, and releases it with the state it leaves. Who was
/// claimed from meanwhile (a request that hangs on a node which lost touch) can't release any more, and so changes
/// nothing.
/// </summary>
internal sealed class UploadSessions(
    UploadTable table, IBlobStore store, LimitSettings limits, StorageSettings storage, TimeProvider clock)
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
        var row = new UploadRow(UploadId.New(), repository, algorithm, State: null, Version: 0);
        await table.AddAsync(row, actor);
        return (await OpenAsync(row)).Upload;
    }

    /// <summary>Finds an upload of this repository, wherever it was begun, to ask how far it came.</summary>
    public async ValueTask<BlobUpload?> FindAsync(RepositoryName repository, UploadId? id)
    {
        if (id is null) return null;
        open.TryGetValue(id.Value, out var known);
        if (known is not null && !storage.IsShared) return known.Upload.Repository == repository ? known.Upload : null;
        if (await table.FindAsync(id.Value) is not { } row || row.Repository != repository) return null;
        if (known?.Version == row.Version) return known.Upload;
        return storage.IsShared
            ? await store.OpenUploadAsync(row.Id, row.Repository, row.Algorithm, row.State)
            : (await OpenAsync(row)).Upload;
    }

    /// <summary>Finds an upload of this repository and lets one request in, until <see cref="LeaveAsync"/>.</summary>
    public async ValueTask<UploadEntry> EnterAsync(RepositoryName repository, UploadId? id)
    {
        if (!storage.IsShared)
        {
            var found = await FindAsync(repository, id);
            return new UploadEntry(found, IsBusy: found?.TryEnter() == false);
        }

        if (id is null) return default;
        open.TryGetValue(id.Value, out var known);
        if (known?.Upload.TryEnter() == false) return new UploadEntry(known.Upload, IsBusy: true);
        try
        {
            if (await table.ClaimAsync(id.Value, repository) is not { } row)
            {
                known?.Upload.Leave();
                return default;
            }

            return await TakeAsync(known, row);
        }
        catch
        {
            if (known is not null) Close(known.Upload);
            throw;
        }
    }

    /// <summary>Lets a request into the upload that it has claimed.</summary>
    private async ValueTask<UploadEntry> TakeAsync(OpenUpload? known, UploadRow row)
    {
        if (known?.Version != row.Version - 1)
        {
            // Another node went on with it meanwhile.
            if (known is not null) Close(known.Upload);
            known = await OpenAsync(row);
            if (!known.Upload.TryEnter())
            {
                // Another request to this node has opened it at the same time. This claim becomes that one's.
                known.Version = Math.Max(known.Version, row.Version);
                return new UploadEntry(known.Upload, IsBusy: true);
            }
        }

        known.Version = Math.Max(known.Version, row.Version);
        var held = known;
        held.Upload.IsHeldAsync = () => table.IsHeldAsync(row.Id, held.Version);
        return new UploadEntry(held.Upload, IsBusy: false);
    }

    /// <summary>Ends a request's work. False if it is void: another request has claimed the upload.</summary>
    public async ValueTask<bool> LeaveAsync(BlobUpload upload)
    {
        if (!storage.IsShared || upload.IsClosed || !open.TryGetValue(upload.Id, out var session))
        {
            upload.Leave();
            await TouchAsync(upload);
            return true;
        }

        try
        {
            await upload.SuspendAsync();
            if (await table.ReleaseAsync(upload.Id, upload.State, session.Version))
            {
                session.Version++;
                session.ActiveAt = clock.GetUtcNow();
                upload.Leave();
                return true;
            }
        }
        catch
        {
            // What the table says stays true: the next request goes on from there.
            Close(upload);
            throw;
        }

        Close(upload);
        return false;
    }

    /// <summary>A place among the uploads that are written at once, or null where all are taken.</summary>
    public IDisposable? TryTakePlace() => writers.Wait(0) ? new Place(writers) : null;

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
        await ForgetAsync(id, await table.RemoveAsync(id));
    }

    /// <summary>Ends an upload on a full disk: the bytes go first, the row may need the space to go too.</summary>
    public async Task DiscardAsync(BlobUpload upload)
    {
        upload.Dispose();
        await store.DeleteUploadAsync(upload.Id, upload.State);
        await CancelAsync(upload.Id);
    }

    /// <summary>
    /// Ends an upload that looks abandoned, unless a request has been writing to it for all that time, or another node
    /// has gone on with it.
    /// </summary>
    public async Task ExpireAsync(UploadId id, TimeSpan age)
    {
        open.TryGetValue(id, out var session);
        if (session?.Upload.TryEnter() == false) await table.TouchAsync(id);
        else if (await table.RemoveIdleAsync(id, age) is { } row) await ForgetAsync(id, row);
        else session?.Upload.Leave();
    }

    /// <summary>Closes the files of uploads that rest. They open again when their client goes on.</summary>
    public void CloseResting(TimeSpan since)
    {
        foreach (var (id, session) in open)
        {
            if (clock.GetUtcNow() - session.ActiveAt < since || !session.Upload.TryEnter()) continue;
            if (open.TryRemove(id, out _)) session.Upload.Dispose();
        }
    }

    /// <summary>Notes which uploads are being written now, for other nodes that look for abandoned ones.</summary>
    public async Task TouchWritingAsync()
    {
        foreach (var session in open.Values)
        {
            if (session.Upload.IsEntered) await TouchAsync(session.Upload);
        }
    }

    public void Dispose()
    {
        foreach (var session in open.Values) session.Upload.Dispose();
        writers.Dispose();
    }

    private async Task ForgetAsync(UploadId id, UploadRow? row)
    {
        if (open.TryRemove(id, out var session))
        {
            // What a request began in a shared store and told nobody of.
            if (storage.IsShared) await session.Upload.RewindAsync();
            session.Upload.Dispose();
        }

        await store.DeleteUploadAsync(id, row?.State ?? session?.Upload.State);
    }

    /// <summary>Notes that the upload was active, which puts off its expiry.</summary>
    private Task TouchAsync(BlobUpload upload)
    {
        if (!open.TryGetValue(upload.Id, out var session)) return Task.CompletedTask;
        var now = clock.GetUtcNow();
        session.ActiveAt = now;
        if (now - session.RecordedAt < recordedEvery) return Task.CompletedTask;
        session.RecordedAt = now;
        return table.TouchAsync(upload.Id);
    }

    /// <summary>Of two requests that open the same upload at once, both get the one that came first.</summary>
    private async ValueTask<OpenUpload> OpenAsync(UploadRow row)
    {
        var now = clock.GetUtcNow();
        var upload = await store.OpenUploadAsync(row.Id, row.Repository, row.Algorithm, row.State);
        var session = new OpenUpload(upload) { Version = row.Version, ActiveAt = now, RecordedAt = now };
        var kept = open.GetOrAdd(row.Id, session);
        if (kept != session) upload.Dispose();
        return kept;
    }

    private sealed class OpenUpload(BlobUpload upload)
    {
        public BlobUpload Upload { get; } = upload;

        /// <summary>The row's version when this node last claimed or released it.</summary>
        public long Version { get; set; }

        public DateTimeOffset ActiveAt { get; set; }

        public DateTimeOffset RecordedAt { get; set; }
    }

    private sealed class Place(SemaphoreSlim writers) : IDisposable
    {
        public void Dispose() => writers.Release();
    }
}

/// <summary>What a request found that wants to write to an upload.</summary>
/// <param name="Upload">The upload, or null where there is none.</param>
/// <param name="IsBusy">Another request writes to it: this one was not let in.</param>
internal readonly record struct UploadEntry(BlobUpload? Upload, bool IsBusy);
