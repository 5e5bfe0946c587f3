using System.Buffers;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// An upload to an object store. Bytes are buffered until they make a part; parts are sent while the next one fills.
/// <code>
/// blobs/sha256/ab/abcdef…     a small blob, which fits in one part: written once its digest is verified. A large blob
///                             whose digest the client announced: its multipart upload, if the store keeps uploads to
///                             the same key apart
/// uploads/0123…/whole-4567…   any other large blob: its multipart upload, copied to the blob's key by the store
/// uploads/0123…/tail-89ab…    the bytes after the last full part, between requests
/// </code>
/// A multipart upload at a blob's own key belongs to one request, which completes or aborts it. One at <c>whole-…</c>
/// can be resumed by any node, from the state in the database. What is at that key is only trusted if this upload wrote
/// it: it is completed with the ETags that were returned for its own parts. Then, before the copy, the database is
/// asked whether another request has claimed the upload since, as that one could have replaced parts.
/// </summary>
internal sealed class ObjectBlobUpload : BlobUpload
{
    /// <summary>More would hardly make one upload faster, and each holds a part in memory.</summary>
    private const int PartsInFlight = 4;

    /// <summary>How long a slow client may hold memory while others wait for some.</summary>
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(5);

    private readonly ObjectUploading store;
    private readonly Queue<Task<string>> sending = new();
    private readonly HashSet<string> garbage = new(StringComparer.Ordinal);

    /// <summary>The state in the database, as it was when the request began. A failure falls back to it.</summary>
    private ObjectUploadState saved;

    private List<string> etags = [];
    private string? multipart;
    private string? whole;
    private Digest? direct;
    private string? tail;
    private long tailBytes;
    private ResumableHash? hash;
    private PartBuffer? buffer;
    private long reservedAt;
    private bool isBroken;
    private bool isStoreDown;
    private bool isWhole;
    private bool isUnverified;

    public ObjectBlobUpload(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state, ObjectUploading store)
        : base(id, repository, algorithm)
    {
        this.store = store;
        saved = ObjectUploadState.Parse(state);
        Load();
    }

    public override string? State => saved == ObjectUploadState.Empty ? null : saved.Write();

    public override async ValueTask RewindAsync(CancellationToken cancellation)
    {
        if (!IsClosed) await FallBackAsync(cancellation);
    }

    public override async ValueTask SuspendAsync(CancellationToken cancellation)
    {
        if (isBroken || direct is not null) await FallBackAsync(cancellation);
        if (buffer is { Length: >= PartSizes.LeastBytes } && multipart is not null && !store.Sizes.AreEqual)
        {
            await SendPartAsync(cancellation);
        }
        else if (buffer is { Length: > 0 })
        {
            await PutTailAsync(cancellation);
        }

        while (sending.Count > 0) await AwaitOldestPartAsync();
        if (saved.Stale is { } stale) garbage.Add(stale);
        saved = new ObjectUploadState(
            Offset, multipart, whole, ObjectUploadState.Pack(etags), tail, tailBytes,
            Stale: saved.Tail == tail ? null : saved.Tail, hash?.Save());
        await DeleteGarbageAsync(cancellation);
    }

    public override async ValueTask<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int>? read, CancellationToken cancellation)
    {
        if (Offset == 0) return Digest.Of(algorithm, []);
        if (hash?.Algorithm == algorithm) return hash.Current();
        try
        {
            if (multipart is null)
            {
                await LoadTailAsync(cancellation);
                using var again = ResumableHash.Start(algorithm);
                foreach (var piece in buffer!.Pieces()) again.Append(piece.Span);
                return again.Current();
            }

            await CompleteAsync(cancellation);
            return await ReadWholeAsync(algorithm, read, cancellation);
        }
        catch (Exception e)
        {
            NoteFailure(e);
            throw;
        }
    }

    /// <summary>Publishes what was received under its digest, which was verified, and closes the upload.</summary>
    /// <exception cref="UploadLostException">It is no longer in the store.</exception>
    /// <exception cref="UploadTakenException">Another request has claimed the upload.</exception>
    public async Task PublishAsync(Digest digest, string key, CancellationToken cancellation)
    {
        try
        {
            if (multipart is null) await PublishSmallAsync(key, cancellation);
            else if (direct is null) await PublishWholeAsync(digest, key, cancellation);
            else if (direct == digest) await CompleteAsync(cancellation);
            else throw new UploadLostException($"the parts were uploaded for {direct}");
        }
        catch (Exception e)
        {
            NoteFailure(e);
            throw;
        }

        garbage.UnionWith(saved.Keys);
        if (tail is not null) garbage.Add(tail);
        if (whole is not null) garbage.Add(whole);
        var skipped = multipart is not null && !isWhole ? multipart : null;
        Dispose();
        if (skipped is not null)
        {
            // A part that arrives after its upload was aborted would stay.
            await EndSendingAsync();
            await AbortAsync(skipped, cancellation);
        }

        await DeleteGarbageAsync(cancellation);
    }

    protected override void Close()
    {
        buffer?.Dispose();
        buffer = null;
        hash?.Dispose();
    }

    protected override async ValueTask StoreAsync(ReadOnlySequence<byte> batch, CancellationToken cancellation)
    {
        try
        {
            if (batch.Length >= BatchBytes) await Task.Yield();
            if (Offset == 0) hash ??= ResumableHash.Start(Expected?.Algorithm ?? Algorithm);
            if (MustYieldMemory) await PutTailAsync(cancellation);
            await LoadTailAsync(cancellation);
            foreach (var segment in batch)
            {
                hash?.Append(segment.Span);
                await BufferAsync(segment, cancellation);
            }

            Offset += batch.Length;
        }
        catch (Exception e)
        {
            NoteFailure(e);
            throw;
        }
    }

    /// <summary>Whether this slow upload holds memory that others wait for.</summary>
    private bool MustYieldMemory => buffer?.Reservation is not null && store.Memory.IsContended
        && store.Clock.GetElapsedTime(reservedAt) > LongestHold;

    private string Key => direct is { } digest ? ObjectBlobStore.KeyOf(digest) : whole!;

    private int NextNumber => etags.Count + sending.Count + 1;

    /// <summary>
    /// A full part is only sent once more bytes arrive: a blob that fits in one part needs no multipart upload.
    /// </summary>
    private async Task BufferAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        while (!data.IsEmpty)
        {
            if (buffer?.Length >= store.Sizes.SizeOf(NextNumber)) await SendPartAsync(cancellation);
            buffer ??= new PartBuffer();
            var size = store.Sizes.SizeOf(NextNumber);
            if (buffer.Length + data.Length > PartBuffer.FreeBytes) await ReserveAsync(size, cancellation);
            var count = (int)Math.Min(data.Length, size - buffer.Length);
            buffer.Append(data.Span[..count]);
            data = data[count..];
        }
    }

    /// <summary>
    /// An upload first waits for its own parts in flight, and only then in line for memory: none holds several parts
    /// while it waits and others have none.
    /// </summary>
    private async ValueTask ReserveAsync(long bytes, CancellationToken cancellation)
    {
        if (buffer!.Reservation is not null) return;
        while ((buffer.Reservation = store.Memory.TryReserve(bytes)) is null && sending.Count > 0)
        {
            await AwaitOldestPartAsync();
        }

        buffer.Reservation ??= await store.Memory.ReserveAsync(bytes, cancellation);
        reservedAt = store.Clock.GetTimestamp();
    }

    private async ValueTask SendPartAsync(CancellationToken cancellation)
    {
        var number = NextNumber;
        if (number > PartSizes.MaximumParts)
        {
            throw new UploadTooLargeException(
                $"the blob has more than {PartSizes.MaximumParts} parts (storage.{store.Objects.Kind}.chunksize)");
        }

        if (multipart is null)
        {
            direct = BegunAt == 0 && store.Objects.KeepsUploadsApart ? Expected : null;
            whole = direct is null ? ObjectUploadState.NewKey(Id, "whole") : null;
            multipart = await store.Objects.StartMultipartAsync(Key, cancellation);
        }

        while (sending.Count >= PartsInFlight) await AwaitOldestPartAsync();
        sending.Enqueue(SendAsync(Key, multipart, number, buffer!));
        buffer = null;
    }

    /// <summary>Not cancelled with the request: a part that was received counts.</summary>
    private async Task<string> SendAsync(string key, string id, int number, PartBuffer part)
    {
        try
        {
            return await store.Objects.UploadPartAsync(key, id, number, part, CancellationToken.None);
        }
        finally
        {
            part.Dispose();
        }
    }

    private async ValueTask AwaitOldestPartAsync()
    {
        var etag = await sending.Peek();
        _ = sending.Dequeue();
        etags.Add(etag);
    }

    /// <summary>Waits for the parts in flight, whatever becomes of them.</summary>
    private async Task EndSendingAsync()
    {
        while (sending.TryDequeue(out var sent))
        {
            await ((Task)sent).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task PutTailAsync(CancellationToken cancellation)
    {
        var key = ObjectUploadState.NewKey(Id, "tail");
        await store.Objects.PutAsync(key, buffer!, cancellation);
        (tail, tailBytes) = (key, buffer!.Length);
        buffer.Dispose();
        buffer = null;
    }

    private async ValueTask LoadTailAsync(CancellationToken cancellation)
    {
        if (tail is not { } key) return;
        buffer = new PartBuffer();
        if (tailBytes > PartBuffer.FreeBytes) await ReserveAsync(store.Sizes.SizeOf(NextNumber), cancellation);
        using var content = new ObjectBlobContent(store.Objects, key, tailBytes);
        await content.ReadAsync(buffer, cancellation);
        tail = null;
        if (key != saved.Tail) garbage.Add(key);
    }

    private async Task PublishSmallAsync(string key, CancellationToken cancellation)
    {
        if (tail is not null && buffer is null)
        {
            var found = await store.Objects.FindAsync(key, cancellation);
            if (found?.SizeBytes != Offset) await CopyAsync(tail, key, cancellation);
            return;
        }

        using var empty = new PartBuffer();
        await store.Objects.PutAsync(key, buffer ?? empty, cancellation);
    }

    private async Task PublishWholeAsync(Digest digest, string key, CancellationToken cancellation)
    {
        if (!isWhole && (await store.Objects.FindAsync(key, cancellation))?.SizeBytes == Offset) return;
        await CompleteAsync(cancellation);
        if (isUnverified && await ReadWholeAsync(digest.Algorithm, read: null, cancellation) != digest)
        {
            throw new UploadLostException("another request completed the upload with different bytes");
        }

        // A request that claimed the upload before this point could have replaced a part by one with the same ETag.
        if (IsHeldAsync is { } ask && !await ask(cancellation)) throw new UploadTakenException();
        await CopyAsync(Key, key, cancellation);
        if ((await store.Objects.FindAsync(key, cancellation))?.SizeBytes != Offset)
        {
            throw new StoreUnavailableException($"{key} is incomplete after the copy");
        }
    }

    private async Task CopyAsync(string from, string to, CancellationToken cancellation)
    {
        if (await store.Objects.CopyAsync(from, to, Offset, cancellation)) return;
        throw new UploadLostException($"{from} is no longer in the store");
    }

    /// <summary>Sends the rest as the last part, and completes the multipart upload.</summary>
    private async Task CompleteAsync(CancellationToken cancellation)
    {
        if (isWhole) return;
        UploadLostException? loss = null;
        try
        {
            if (!store.Objects.CopiesParts) await LoadTailAsync(cancellation);
            if (buffer is { Length: > 0 }) await SendPartAsync(cancellation);
            while (sending.Count > 0) await AwaitOldestPartAsync();
            if (tail is not null)
            {
                etags.Add(await store.Objects.CopyPartAsync(
                    Key, multipart!, NextNumber, tail, tailBytes, cancellation));
            }

            await store.Objects.CompleteAsync(Key, multipart!, etags, Offset, cancellation);
        }
        catch (UploadLostException e)
        {
            // An earlier attempt may have succeeded, and its answer may have been lost. Then the content is verified by
            // reading it again.
            isUnverified = true;
            loss = e;
        }

        var size = (await store.Objects.FindAsync(Key, cancellation))?.SizeBytes;
        if (size != Offset) throw loss ?? new UploadLostException($"{Key} has {size ?? 0} of {Offset} bytes");
        isWhole = true;
    }

    private async Task<Digest> ReadWholeAsync(
        DigestAlgorithm algorithm, Action<int>? read, CancellationToken cancellation)
    {
        using var content = new ObjectBlobContent(store.Objects, Key, Offset);
        return await content.ComputeDigestAsync(algorithm, read ?? (static _ => { }), cancellation);
    }

    /// <summary>Falls back to the state in the database.</summary>
    private async Task FallBackAsync(CancellationToken cancellation)
    {
        await EndSendingAsync();
        buffer?.Dispose();
        buffer = null;
        if (multipart is { } id && id != saved.Multipart && !isWhole) await AbortAsync(id, cancellation);
        garbage.UnionWith(new[] { whole, tail }.OfType<string>().Except(saved.Keys));
        Load();
        await DeleteGarbageAsync(cancellation);
        isStoreDown = false;
    }

    private void Load()
    {
        hash?.Dispose();
        hash = ResumableHash.Resume(saved.Hash);
        (Offset, multipart, whole, tail, tailBytes) =
            (saved.Offset, saved.Multipart, saved.Whole, saved.Tail, saved.TailBytes);
        etags = saved.UnpackETags();
        direct = null;
        (isBroken, isWhole, isUnverified) = (false, false, false);
    }

    private Task DeleteGarbageAsync(CancellationToken cancellation) => ObjectUploading.TryRemoveAsync(async () =>
    {
        foreach (var key in garbage) await store.Objects.DeleteAsync(key, cancellation, mayRetry: !isStoreDown);
        garbage.Clear();
    });

    private Task AbortAsync(string id, CancellationToken cancellation) =>
        ObjectUploading.TryRemoveAsync(() => store.Objects.AbortAsync(Key, id, cancellation, mayRetry: !isStoreDown));

    /// <summary>If the store is down, the client waits for the retries once, and not again for the cleanup.</summary>
    private void NoteFailure(Exception e)
    {
        isBroken = true;
        isStoreDown = e is StoreUnavailableException;
    }
}
