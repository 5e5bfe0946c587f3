using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// Uploads to a folder that only this process uses. Those recently written to stay open, with their running hash; the
/// length of the file tells how far an upload came. The row of a closed upload may hold its saved hash, which is
/// removed before the file is written again, so that it never belongs to other content.
/// </summary>
internal sealed partial class LocalUploads(
    UploadTable table, RepositoryBlobs blobs, IBlobStore store, StorageSettings storage, TimeProvider clock,
    ILogger<LocalUploads> log)
    : Uploads(table, blobs, store, clock, log)
{
    private static readonly TimeSpan LongestUnrecorded = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Activity is recorded at most this often, yet often enough that no upload in use looks abandoned.
    /// </summary>
    private readonly TimeSpan recordedEvery =
        TimeSpan.FromTicks(Math.Min(LongestUnrecorded.Ticks, storage.Maintenance.UploadPurging.Age.Ticks / 4));

    private readonly ConcurrentDictionary<UploadId, OpenUpload> open = new();

    public override async Task<UploadId> StartAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation) =>
        (await AddAsync(repository, algorithm, startedBy, cancellation)).Content.Id;

    public override async Task<UploadLease> TakeNewAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation)
    {
        var upload = await AddAsync(repository, algorithm, startedBy, cancellation);
        _ = upload.TryHold();
        return new Lease(this, upload) { Otherwise = UploadEnd.Discard };
    }

    public override async ValueTask<UploadTaking> TakeAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation)
    {
        if (await FindAsync(repository, id, cancellation) is not { } upload) return UploadTaking.Unknown;
        return upload.TryHold() ? new UploadTaking(new Lease(this, upload)) : UploadTaking.Busy;
    }

    public override async ValueTask<long?> FindOffsetAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation) =>
        (await FindAsync(repository, id, cancellation))?.Content.Offset;

    public override async Task ExpireAsync(UploadId id, TimeSpan age, CancellationToken cancellation)
    {
        open.TryGetValue(id, out var upload);
        if (upload?.TryHold() == false)
        {
            await Table.TouchAsync(id, cancellation);
            return;
        }

        var isOver = false;
        try
        {
            isOver = await Table.RemoveIdleAsync(id, age, cancellation) is not null;
            if (!isOver) return;
            upload?.Content.Dispose();
            await Store.DeleteUploadAsync(id, state: null, cancellation);
        }
        finally
        {
            if (upload is not null) LetGo(upload, isOver);
        }
    }

    public override async Task RecordActivityAsync(CancellationToken cancellation)
    {
        foreach (var upload in open.Values)
        {
            if (upload.IsHeld) await RecordActivityAsync(upload, cancellation);
        }
    }

    public override async Task CloseIdleAsync(TimeSpan idle, CancellationToken cancellation)
    {
        foreach (var upload in open.Values)
        {
            if (Clock.GetElapsedTime(upload.ActiveAt) < idle || !upload.TryHold()) continue;
            try
            {
                if (upload.Content.State is { } state)
                {
                    await Table.SetStateAsync(upload.Content.Id, state, cancellation);
                }
            }
            finally
            {
                LetGo(upload, isOver: true);
            }
        }
    }

    public override void Dispose()
    {
        foreach (var upload in open.Values) upload.Content.Dispose();
        base.Dispose();
    }

    private async Task<OpenUpload> AddAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation)
    {
        var row = new UploadRow(UploadId.New(), repository, algorithm, State: null, Version: 0);
        await Table.AddAsync(row, startedBy, cancellation);
        return await OpenAsync(row, cancellation);
    }

    private async ValueTask<OpenUpload?> FindAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation)
    {
        if (open.TryGetValue(id, out var known)) return known.Content.Repository == repository ? known : null;
        if (await Table.FindAsync(id, cancellation) is not { } row || row.Repository != repository) return null;
        if (row.State is not null) await Table.SetStateAsync(id, state: null, cancellation);
        return await OpenAsync(row, cancellation);
    }

    /// <summary>If two requests open the same upload at once, both get the first one's.</summary>
    private async ValueTask<OpenUpload> OpenAsync(UploadRow row, CancellationToken cancellation)
    {
        var content = await Store.OpenUploadAsync(
            row.Id, row.Repository, row.Algorithm, row.State, cancellation);
        var opened = new OpenUpload(content, Clock.GetTimestamp());
        var kept = open.GetOrAdd(row.Id, opened);
        if (kept != opened) content.Dispose();
        return kept;
    }

    private void LetGo(OpenUpload upload, bool isOver)
    {
        if (!isOver)
        {
            upload.Release();
            return;
        }

        // It stays held, so that nobody who found it before it was removed can write to it.
        open.TryRemove(KeyValuePair.Create(upload.Content.Id, upload));
        upload.Content.Dispose();
    }

    /// <summary>
    /// Postpones an upload's expiry, best effort: what arrived counts even if this can't be recorded.
    /// </summary>
    private async Task RecordActivityAsync(OpenUpload upload, CancellationToken cancellation)
    {
        upload.ActiveAt = Clock.GetTimestamp();
        if (Clock.GetElapsedTime(upload.RecordedAt) < recordedEvery) return;
        try
        {
            await Table.TouchAsync(upload.Content.Id, cancellation);
            upload.RecordedAt = Clock.GetTimestamp();
        }
        catch (Exception e) when (e is DatabaseUnavailableException || DiskFull.IsCauseOf(e))
        {
            LogUnrecorded(Log, upload.Content.Id, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The activity of upload {Id} could not be recorded: {Reason}")]
    private static partial void LogUnrecorded(ILogger log, UploadId id, string reason);

    private sealed class OpenUpload(BlobUpload content, long openedAt)
    {
        private int held;

        public BlobUpload Content { get; } = content;

        /// <summary>A timestamp of the clock.</summary>
        public long ActiveAt { get; set; } = openedAt;

        /// <summary>When its activity was last recorded, as a timestamp of the clock.</summary>
        public long RecordedAt { get; set; } = openedAt;

        public bool IsHeld => Volatile.Read(ref held) != 0;

        public bool TryHold()
        {
            if (Interlocked.CompareExchange(ref held, 1, 0) != 0) return false;
            Content.BeginRequest();
            return true;
        }

        public void Release() => Volatile.Write(ref held, 0);
    }

    private sealed class Lease(LocalUploads uploads, OpenUpload upload)
        : UploadLease(uploads, upload.Content)
    {
        protected override async Task<bool> RecordAsync(CancellationToken cancellation)
        {
            await uploads.RecordActivityAsync(upload, cancellation);
            return true;
        }

        /// <summary>The bytes are deleted first: on a full disk, deleting the row may need the space.</summary>
        protected override async Task DeleteAsync(CancellationToken cancellation)
        {
            Content.Dispose();
            await uploads.Store.DeleteUploadAsync(Id, state: null, cancellation);
            await uploads.Table.RemoveAsync(Id, cancellation);
        }

        protected override void LetGo(bool isOver) => uploads.LetGo(upload, isOver);
    }
}
