using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Disk;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// Uploads to a folder that only this process uses. Some of those recently written to stay open, with their running
/// hash; the length of the file tells how far an upload came. The row of a closed upload may hold its saved hash, which
/// is removed before the file is written again, so that it never belongs to other content. An upload has no row until
/// there is something to resume: most become blobs before that.
/// </summary>
internal sealed partial class LocalUploads(
    UploadTable table, RepositoryBlobs blobs, UploadQuotas quotas, IBlobStore store, StorageSettings storage,
    LimitSettings limits, TimeProvider clock, ILogger<LocalUploads> log)
    : Uploads(table, blobs, quotas, store, clock, log)
{
    private static readonly TimeSpan LongestUnrecorded = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Activity is recorded at most this often, yet often enough that no upload in use looks abandoned.
    /// </summary>
    private readonly TimeSpan recordedEvery =
        TimeSpan.FromTicks(Math.Min(LongestUnrecorded.Ticks, storage.Maintenance.UploadPurging.Age.Ticks / 4));

    /// <summary>
    /// Larger ones get a row before their bytes: after a crash, files without a row are read, in case they are blobs.
    /// </summary>
    private const long MostUnrecordedBytes = 1024 * 1024;

    /// <summary>Uploads without a row that are remembered; those that start beyond it get one at once.</summary>
    private const int MostNew = 10_000;

    /// <summary>How many idle uploads stay open. Each takes a descriptor; they get a sixteenth of all.</summary>
    private readonly int mostIdle = (int)Math.Clamp(Descriptors.Raise() / 16, 1, limits.ConcurrentUploads);

    private readonly ConcurrentDictionary<UploadId, OpenUpload> open = new();

    /// <summary>Those that have no row yet.</summary>
    private readonly ConcurrentDictionary<UploadId, NewUpload> started = new();
    private readonly BlobClaims claims = new();

    public override async Task<UploadId> StartAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation)
    {
        var row = NewRow(repository, algorithm);
        if (started.Count < MostNew) started[row.Id] = new NewUpload(row, startedBy);
        else await Table.AddAsync(row, startedBy, becomes: null, cancellation);
        return row.Id;
    }

    public override async Task<UploadLease> TakeNewAsync(
        RepositoryName repository, Digest becomes, string startedBy, CancellationToken cancellation)
    {
        var row = NewRow(repository, becomes.Algorithm);
        var upload = await OpenAsync(row, cancellation);
        _ = upload.TryHold();
        open[row.Id] = upload;
        started[row.Id] = new NewUpload(row, startedBy);
        return new Lease(this, upload) { Otherwise = UploadEnd.Discard };
    }

    public override async ValueTask<UploadTaking> TakeAsync(
        RepositoryName repository, UploadId id, Digest? becomes, CancellationToken cancellation)
    {
        while (await FindAsync(repository, id, cancellation) is { } upload)
        {
            if (upload.TryHold()) return new UploadTaking(new Lease(this, upload));
            if (upload.Closing is not { } closing) return UploadTaking.Busy;
            await closing.WaitAsync(cancellation);
        }

        return UploadTaking.Unknown;
    }

    public override bool TryBeginDeleting(Digest digest) => claims.TryBeginDeleting(digest);

    public override void EndDeleting(Digest digest) => claims.EndDeleting(digest);

    public override async ValueTask<bool> IsKnownAsync(UploadId id, CancellationToken cancellation) =>
        open.ContainsKey(id) || started.ContainsKey(id) || await base.IsKnownAsync(id, cancellation);

    /// <summary>Does not keep the upload open: a client that asks may not resume it.</summary>
    public override async ValueTask<long?> FindOffsetAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation)
    {
        if (open.TryGetValue(id, out var known)) return known.IsIn(repository) ? known.Content.Offset : null;
        if (await FindRowAsync(id, cancellation) is not { } row || row.Repository != repository) return null;
        using var content = await Store.OpenUploadAsync(
            row.Id, row.Repository, row.Algorithm, state: null, cancellation);
        return content.Offset;
    }

    public override async Task<bool> ExpireAsync(UploadId id, TimeSpan age, CancellationToken cancellation)
    {
        open.TryGetValue(id, out var upload);
        if (upload?.TryHold() == false)
        {
            await Table.TouchAsync(id, cancellation);
            return false;
        }

        var isOver = false;
        try
        {
            isOver = await Table.RemoveIdleAsync(id, age, cancellation) is not null;
            if (!isOver) return false;
            Quotas.Release(id);
            upload?.Content.Dispose();
            await Store.DeleteUploadAsync(id, state: null, cancellation);
            return true;
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
            if (Clock.GetElapsedTime(upload.ActiveAt) >= idle) await CloseAsync(upload, cancellation);
        }

        // From now on the row tells when they expire.
        foreach (var (id, mine) in started)
        {
            if (Clock.GetUtcNow() - mine.Row.ActiveAt >= idle && !open.ContainsKey(id))
                await RecordNewAsync(mine, cancellation);
        }
    }

    public override void Dispose()
    {
        foreach (var upload in open.Values) upload.Content.Dispose();
        base.Dispose();
    }

    private UploadRow NewRow(RepositoryName repository, DigestAlgorithm algorithm) =>
        new(UploadId.New(), repository, algorithm, State: null, Version: 0, Clock.GetUtcNow());

    private async ValueTask<UploadRow?> FindRowAsync(UploadId id, CancellationToken cancellation) =>
        started.TryGetValue(id, out var mine) ? mine.Row : await Table.FindAsync(id, cancellation);

    private async Task RecordNewAsync(NewUpload mine, CancellationToken cancellation)
    {
        await Table.AddAsync(mine.Row, mine.StartedBy, becomes: null, cancellation);
        started.TryRemove(mine.Row.Id, out _);
    }

    private async ValueTask<OpenUpload?> FindAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation)
    {
        if (open.TryGetValue(id, out var known)) return known.IsIn(repository) ? known : null;
        if (await FindRowAsync(id, cancellation) is not { } row || row.Repository != repository) return null;
        if (row.State is not null)
        {
            row = row with { ActiveAt = Clock.GetUtcNow() };
            await Table.SetStateAsync(id, state: null, row.ActiveAt, cancellation);
        }

        // If two requests open the same upload at once, both get the first one's.
        var opened = await OpenAsync(row, cancellation);
        var kept = open.GetOrAdd(id, opened);
        if (kept != opened) opened.Content.Dispose();
        return kept;
    }

    private async ValueTask<OpenUpload> OpenAsync(UploadRow row, CancellationToken cancellation)
    {
        var content = await Store.OpenUploadAsync(
            row.Id, row.Repository, row.Algorithm, row.State, cancellation);
        return new OpenUpload(content, Clock.GetTimestamp(), TimestampOf(row.ActiveAt));
    }

    /// <summary>Makes room for one more idle upload by closing those that have been idle longest.</summary>
    private async Task MakeRoomAsync()
    {
        if (open.Count <= mostIdle) return;
        var idle = open.Select(pair => pair.Value).Where(upload => upload.IsIdle).ToList();
        foreach (var upload in idle.OrderBy(u => u.ActiveAt).Take(idle.Count + 1 - mostIdle))
        {
            try
            {
                await CloseAsync(upload, CancellationToken.None);
            }
            catch (Exception e)
            {
                LogUnrecorded(Log, upload.Content.Id, e.Message);
            }
        }
    }

    /// <summary>Closes an upload if it is idle, and saves its hash and the time of its last use.</summary>
    private async Task CloseAsync(OpenUpload upload, CancellationToken cancellation)
    {
        if (!upload.TryBeginClosing()) return;
        try
        {
            var state = upload.Content.State;
            if (state is null && upload.ActiveAt <= upload.RecordedAt) return;
            var activeAt = Clock.GetUtcNow() - Clock.GetElapsedTime(upload.ActiveAt);
            await Table.SetStateAsync(upload.Content.Id, state, activeAt, cancellation);
        }
        finally
        {
            LetGo(upload, isOver: true);
        }
    }

    /// <summary>A time of the wall clock as a timestamp; a time in the future counts as now.</summary>
    private long TimestampOf(DateTimeOffset time)
    {
        var secondsAgo = Math.Max(0, (Clock.GetUtcNow() - time).TotalSeconds);
        return Clock.GetTimestamp() - (long)(secondsAgo * Clock.TimestampFrequency);
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
        upload.NoteClosed();
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

    private sealed record NewUpload(UploadRow Row, string StartedBy);

    private sealed class OpenUpload(BlobUpload content, long openedAt, long recordedAt)
    {
        private readonly TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int use;

        private enum Use
        {
            Rests,
            IsHeld,
            IsClosing,
        }

        public BlobUpload Content { get; } = content;

        /// <summary>A timestamp of the clock.</summary>
        public long ActiveAt { get; set; } = openedAt;

        /// <summary>When its activity was last recorded, as a timestamp of the clock.</summary>
        public long RecordedAt { get; set; } = recordedAt;

        public bool IsIdle => State == Use.Rests;

        public bool IsHeld => State == Use.IsHeld;

        /// <summary>Completes when it can be opened again; null if it is not being closed.</summary>
        public Task? Closing => State == Use.IsClosing ? closed.Task : null;

        private Use State => (Use)Volatile.Read(ref use);

        public bool IsIn(RepositoryName repository) => Content.Repository == repository;

        public bool TryHold()
        {
            if (!TryBegin(Use.IsHeld)) return false;
            Content.BeginRequest();
            return true;
        }

        public bool TryBeginClosing() => TryBegin(Use.IsClosing);

        public void Release() => Volatile.Write(ref use, (int)Use.Rests);

        public void NoteClosed() => closed.TrySetResult();

        private bool TryBegin(Use next) =>
            Interlocked.CompareExchange(ref use, (int)next, (int)Use.Rests) == (int)Use.Rests;
    }

    private sealed class Lease(LocalUploads uploads, OpenUpload upload)
        : UploadLease(uploads, upload.Content)
    {
        protected override async ValueTask<IDisposable?> ClaimAsync(Digest digest, CancellationToken cancellation) =>
            await uploads.claims.BeginAsync(digest, cancellation);

        protected override async ValueTask PrepareAsync(
            long? moreBytes, Digest? becomes, CancellationToken cancellation)
        {
            // What others go on with may have to be resumed after a crash.
            var needsRow = becomes is null || (moreBytes ?? long.MaxValue) > MostUnrecordedBytes;
            if (needsRow && uploads.started.TryGetValue(Id, out var mine))
                await uploads.RecordNewAsync(mine, cancellation);
        }

        protected override async Task<bool> RecordAsync(CancellationToken cancellation)
        {
            if (uploads.started.TryGetValue(Id, out var mine))
            {
                mine = mine with { Row = mine.Row with { ActiveAt = uploads.Clock.GetUtcNow() } };
                uploads.started[Id] = mine;
                if (Offset > 0) await uploads.RecordNewAsync(mine, cancellation);
            }

            await uploads.RecordActivityAsync(upload, cancellation);
            await uploads.MakeRoomAsync();
            return true;
        }

        /// <summary>The bytes are deleted first: on a full disk, deleting the row may need the space.</summary>
        protected override async Task DeleteAsync(CancellationToken cancellation)
        {
            Content.Dispose();
            await uploads.Store.DeleteUploadAsync(Id, state: null, cancellation);
            if (!uploads.started.TryRemove(Id, out _)) await uploads.Table.RemoveAsync(Id, cancellation);
        }

        protected override void Forget() => uploads.started.TryRemove(Id, out _);

        protected override void LetGo(bool isOver) => uploads.LetGo(upload, isOver);
    }
}
