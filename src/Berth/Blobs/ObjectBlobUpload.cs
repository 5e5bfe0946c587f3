using System.Buffers;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// An upload in parts. Bytes gather in memory until they make a part, and parts are sent while the next one gathers.
/// <code>
/// blobs/sha256/ab/abcdef…     fits in one part: written at once, when its digest is known to be right
///                             larger, and its digest was told beforehand: the parts' own place, where the store
///                             keeps uploads apart
/// uploads/0123…/whole-4567…   larger, digest told at the end: the parts' place until then; copied by the store
/// uploads/0123…/tail-89ab…    bytes after the last part at the end of a request, when others will follow
/// </code>
/// A multipart upload at a blob's own place belongs to one request, which completes or aborts it. One at
/// <c>whole-…</c> may be gone on with by any node, from the state in the database. Nobody trusts what lies there unless
/// it is known who wrote it: parts are completed by the tags that were told when this upload sent them, and after that
/// the database is asked whether anyone else has claimed the upload meanwhile, who could have replaced parts.
/// </summary>
internal sealed class ObjectBlobUpload : BlobUpload
{
    /// <summary>More connections hardly make one upload faster, and each of them holds a part in memory.</summary>
    private const int PartsInFlight = 4;

    /// <summary>How long a slow client may hold memory that others wait for.</summary>
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(5);

    private readonly ObjectUploading store;
    private readonly Queue<Task<string>> sending = new();
    private readonly HashSet<string> garbage = new(StringComparer.Ordinal);

    /// <summary>What the database has: where the request began, and what a failure falls back to.</summary>
    private ObjectUploadState left;

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
    private bool isStoreAway;
    private bool isWhole;
    private bool isDoubtful;

    public ObjectBlobUpload(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state, ObjectUploading store)
        : base(id, repository, algorithm)
    {
        this.store = store;
        left = ObjectUploadState.Parse(state);
        Load();
    }

    public override string? State => left == ObjectUploadState.Empty ? null : left.Write();

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

        while (sending.Count > 0) await TakeSentAsync();
        if (left.Stale is { } stale) garbage.Add(stale);
        left = new ObjectUploadState(
            Offset, multipart, whole, ObjectUploadState.Pack(etags), tail, tailBytes,
            Stale: left.Tail == tail ? null : left.Tail, hash?.Save());
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
                await TakeTailAsync(cancellation);
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

    /// <summary>Puts what was received under its digest, which is known to be right, and closes the upload.</summary>
    /// <exception cref="UploadLostException">It is not in the store any more.</exception>
    /// <exception cref="UploadTakenException">Another request has claimed the upload.</exception>
    public async Task PublishAsync(Digest digest, string key, CancellationToken cancellation)
    {
        try
        {
            if (multipart is null) await PublishSmallAsync(key, cancellation);
            else if (direct is null) await PublishWholeAsync(digest, key, cancellation);
            else if (direct == digest) await CompleteAsync(cancellation);
            else throw new UploadLostException($"the parts lie under {direct}");
        }
        catch (Exception e)
        {
            NoteFailure(e);
            throw;
        }

        garbage.UnionWith(left.Keys);
        if (tail is not null) garbage.Add(tail);
        if (whole is not null) garbage.Add(whole);
        var skipped = multipart is not null && !isWhole ? multipart : null;
        Dispose();
        if (skipped is not null) await AbortAsync(skipped, cancellation);
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
            if (IsInTheWay) await PutTailAsync(cancellation);
            await TakeTailAsync(cancellation);
            foreach (var segment in batch)
            {
                hash?.Append(segment.Span);
                await GatherAsync(segment, cancellation);
            }

            Offset += batch.Length;
        }
        catch (Exception e)
        {
            NoteFailure(e);
            throw;
        }
    }

    /// <summary>Whether others wait for the memory that this slow upload holds.</summary>
    private bool IsInTheWay => buffer?.Reservation is not null && store.Memory.IsContended
        && store.Clock.GetElapsedTime(reservedAt) > LongestHold;

    private string Key => direct is { } digest ? ObjectBlobStore.KeyOf(digest) : whole!;

    private int NextNumber => etags.Count + sending.Count + 1;

    /// <summary>A full part leaves only once more bytes come: what fits into one needs no multipart upload.</summary>
    private async Task GatherAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
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
    /// Whoever has parts on their way waits for those first, and only then in line: nobody takes memory twice while
    /// others have none.
    /// </summary>
    private async ValueTask ReserveAsync(long bytes, CancellationToken cancellation)
    {
        if (buffer!.Reservation is not null) return;
        while ((buffer.Reservation = store.Memory.TryReserve(bytes)) is null && sending.Count > 0)
        {
            await TakeSentAsync();
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
                $"the blob has more than {PartSizes.MaximumParts} parts of the size that the store is sent "
                + $"(storage.{store.Objects.Kind}.chunksize)");
        }

        if (multipart is null)
        {
            direct = BegunAt == 0 && store.Objects.KeepsUploadsApart ? Expected : null;
            whole = direct is null ? ObjectUploadState.NewKey(Id, "whole") : null;
            multipart = await store.Objects.StartMultipartAsync(Key, cancellation);
        }

        while (sending.Count >= PartsInFlight) await TakeSentAsync();
        sending.Enqueue(SendAsync(Key, multipart, number, buffer!));
        buffer = null;
    }

    /// <summary>What is on its way counts, whatever becomes of the request.</summary>
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

    private async ValueTask TakeSentAsync()
    {
        var etag = await sending.Peek();
        _ = sending.Dequeue();
        etags.Add(etag);
    }

    private async Task PutTailAsync(CancellationToken cancellation)
    {
        var key = ObjectUploadState.NewKey(Id, "tail");
        await store.Objects.PutAsync(key, buffer!, cancellation);
        (tail, tailBytes) = (key, buffer!.Length);
        buffer.Dispose();
        buffer = null;
    }

    private async ValueTask TakeTailAsync(CancellationToken cancellation)
    {
        if (tail is not { } key) return;
        buffer = new PartBuffer();
        if (tailBytes > PartBuffer.FreeBytes) await ReserveAsync(store.Sizes.SizeOf(NextNumber), cancellation);
        using var content = new ObjectBlobContent(store.Objects, key, tailBytes);
        await content.ReadAsync(buffer, cancellation);
        tail = null;
        if (key != left.Tail) garbage.Add(key);
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
        if (isDoubtful && await ReadWholeAsync(digest.Algorithm, read: null, cancellation) != digest)
        {
            throw new UploadLostException("another request has completed the upload with other bytes");
        }

        // Whoever claimed it before this point could have replaced a part with another one of the same tag.
        if (IsHeldAsync is { } ask && !await ask(cancellation)) throw new UploadTakenException();
        await CopyAsync(Key, key, cancellation);
        if ((await store.Objects.FindAsync(key, cancellation))?.SizeBytes != Offset)
        {
            throw new StoreUnavailableException($"{key} was copied and is not whole");
        }
    }

    private async Task CopyAsync(string from, string to, CancellationToken cancellation)
    {
        if (await store.Objects.CopyAsync(from, to, Offset, cancellation)) return;
        throw new UploadLostException($"{from} is not in the store any more");
    }

    /// <summary>Sends what is left as the last part, and puts the parts together.</summary>
    private async Task CompleteAsync(CancellationToken cancellation)
    {
        if (isWhole) return;
        UploadLostException? loss = null;
        try
        {
            if (!store.Objects.CopiesParts) await TakeTailAsync(cancellation);
            if (buffer is { Length: > 0 }) await SendPartAsync(cancellation);
            while (sending.Count > 0) await TakeSentAsync();
            if (tail is not null)
            {
                etags.Add(await store.Objects.CopyPartAsync(
                    Key, multipart!, NextNumber, tail, tailBytes, cancellation));
            }

            await store.Objects.CompleteAsync(Key, multipart!, etags, Offset, cancellation);
        }
        catch (UploadLostException e)
        {
            // An earlier try may have done it, whose answer was lost. What lies there then has to be read again.
            isDoubtful = true;
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

    /// <summary>Back to what the database has.</summary>
    private async Task FallBackAsync(CancellationToken cancellation)
    {
        while (sending.TryDequeue(out var sent))
        {
            await ((Task)sent).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        buffer?.Dispose();
        buffer = null;
        if (multipart is not null && multipart != left.Multipart && !isWhole) await AbortAsync(multipart, cancellation);
        garbage.UnionWith(new[] { whole, tail }.OfType<string>().Except(left.Keys));
        Load();
        await DeleteGarbageAsync(cancellation);
        isStoreAway = false;
    }

    private void Load()
    {
        hash?.Dispose();
        hash = ResumableHash.Resume(left.Hash);
        (Offset, multipart, whole, tail, tailBytes) =
            (left.Offset, left.Multipart, left.Whole, left.Tail, left.TailBytes);
        etags = left.UnpackETags();
        direct = null;
        (isBroken, isWhole, isDoubtful) = (false, false, false);
    }

    private Task DeleteGarbageAsync(CancellationToken cancellation) => TryRemoveAsync(async () =>
    {
        foreach (var key in garbage) await store.Objects.DeleteAsync(key, cancellation, isPatient: !isStoreAway);
        garbage.Clear();
    });

    private Task AbortAsync(string id, CancellationToken cancellation) =>
        TryRemoveAsync(() => store.Objects.AbortAsync(Key, id, cancellation, isPatient: !isStoreAway));

    /// <summary>What can't be removed now, which is logged where it was tried, goes with the store's orphans.</summary>
    private static async Task TryRemoveAsync(Func<Task> removal)
    {
        try
        {
            await removal();
        }
        catch (IOException)
        {
            // See above.
        }
    }

    /// <summary>A store that is away keeps the client waiting once, not for the cleaning up too.</summary>
    private void NoteFailure(Exception e)
    {
        isBroken = true;
        isStoreAway = e is StoreUnavailableException;
    }
}
