using System.Buffers;
using System.Net;
using Amazon.S3;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>What the uploads of one store share.</summary>
internal sealed record S3Uploading(
    S3Objects Objects, S3Copying Copying, UploadMemory Memory, PartSizes Sizes, TimeProvider Clock);

/// <summary>
/// An upload in parts. Bytes gather in memory until they make a part, and parts are sent while the next one gathers.
/// <code>
/// blobs/sha256/ab/abcdef…     fits in one part: written at once, when its digest is known to be right
///                             larger, and its digest was told beforehand: the parts' own place
/// uploads/0123…/whole-4567…   larger, digest told at the end: the parts' place until then; copied by the store
/// uploads/0123…/tail-89ab…    bytes after the last part at the end of a request, when others will follow
/// </code>
/// A multipart upload at a blob's own place belongs to one request, which completes or aborts it. One at
/// <c>whole-…</c> may be gone on with by any node, from the state in the database. Nobody trusts what lies there unless
/// it is known who wrote it: parts are completed by the tags that were told when this upload sent them, and after that
/// the database is asked whether anyone else has claimed the upload meanwhile, who could have replaced parts.
/// </summary>
internal sealed class S3BlobUpload : BlobUpload
{
    /// <summary>More connections hardly make one upload faster, and each of them holds a part in memory.</summary>
    private const int PartsInFlight = 4;

    /// <summary>How long a slow client may hold memory that others wait for.</summary>
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(5);

    private readonly S3Uploading store;
    private readonly Queue<Task<string>> sending = new();
    private readonly HashSet<string> garbage = new(StringComparer.Ordinal);

    /// <summary>What the database has: where the request began, and what a failure falls back to.</summary>
    private S3UploadState left;

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

    public S3BlobUpload(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state, S3Uploading store)
        : base(id, repository, algorithm)
    {
        this.store = store;
        left = S3UploadState.Parse(state);
        Load();
    }

    public override string? State => left == S3UploadState.Empty ? null : left.Write();

    public override async ValueTask RewindAsync()
    {
        if (!IsClosed) await FallBackAsync();
    }

    public override async ValueTask SuspendAsync()
    {
        if (isBroken || direct is not null) await FallBackAsync();
        if (buffer is { Length: >= PartSizes.LeastBytes } && multipart is not null && !store.Sizes.AreEqual)
        {
            await SendPartAsync();
        }
        else if (buffer is { Length: > 0 })
        {
            await PutTailAsync();
        }

        while (sending.Count > 0) await TakeSentAsync();
        if (left.Stale is { } stale) garbage.Add(stale);
        left = new S3UploadState(
            Offset, multipart, whole, S3UploadState.Pack(etags), tail, tailBytes,
            Stale: left.Tail == tail ? null : left.Tail, hash?.Save());
        await DeleteGarbageAsync();
    }

    public override async ValueTask<Digest> ComputeDigestAsync(DigestAlgorithm algorithm)
    {
        if (Offset == 0) return Digest.Of(algorithm, []);
        if (hash?.Algorithm == algorithm) return hash.Current();
        try
        {
            if (multipart is null)
            {
                await TakeTailAsync();
                using var again = ResumableHash.Start(algorithm);
                foreach (var piece in buffer!.Pieces()) again.Append(piece.Span);
                return again.Current();
            }

            await CompleteAsync();
            return await ReadWholeAsync(algorithm);
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
    public async Task PublishAsync(Digest digest, string key)
    {
        try
        {
            if (multipart is null) await PublishSmallAsync(key);
            else if (direct is null) await PublishWholeAsync(digest, key);
            else if (direct == digest) await CompleteAsync();
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
        if (skipped is not null) await AbortAsync(skipped);
        await DeleteGarbageAsync();
    }

    protected override void Close()
    {
        buffer?.Dispose();
        buffer = null;
        hash?.Dispose();
    }

    protected override async ValueTask StoreAsync(ReadOnlySequence<byte> batch)
    {
        try
        {
            if (batch.Length >= BatchBytes) await Task.Yield();
            if (Offset == 0) hash ??= ResumableHash.Start(Expected?.Algorithm ?? Algorithm);
            if (IsInTheWay) await PutTailAsync();
            await TakeTailAsync();
            foreach (var segment in batch)
            {
                hash?.Append(segment.Span);
                await GatherAsync(segment);
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

    private string Key => direct is { } digest ? S3BlobStore.KeyOf(digest) : whole!;

    private int NextNumber => etags.Count + sending.Count + 1;

    /// <summary>A full part leaves only once more bytes come: what fits into one needs no multipart upload.</summary>
    private async Task GatherAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            if (buffer is not null && buffer.Length >= store.Sizes.SizeOf(NextNumber)) await SendPartAsync();
            buffer ??= new PartBuffer();
            var size = store.Sizes.SizeOf(NextNumber);
            if (buffer.Length + data.Length > PartBuffer.FreeBytes) await ReserveAsync(size);
            var count = (int)Math.Min(data.Length, size - buffer.Length);
            buffer.Append(data.Span[..count]);
            data = data[count..];
        }
    }

    /// <summary>
    /// Whoever has parts on their way waits for those first, and only then in line: nobody takes memory twice while
    /// others have none.
    /// </summary>
    private async ValueTask ReserveAsync(long bytes)
    {
        if (buffer!.Reservation is not null) return;
        while ((buffer.Reservation = store.Memory.TryReserve(bytes)) is null && sending.Count > 0)
        {
            await TakeSentAsync();
        }

        buffer.Reservation ??= await store.Memory.ReserveAsync(bytes);
        reservedAt = store.Clock.GetTimestamp();
    }

    private async ValueTask SendPartAsync()
    {
        var number = NextNumber;
        if (number > PartSizes.MaximumParts)
        {
            throw new UploadTooLargeException(
                $"the blob has more than {PartSizes.MaximumParts} parts of the size that the store is sent "
                + "(storage.s3.chunksize)");
        }

        if (multipart is null)
        {
            direct = BegunAt == 0 ? Expected : null;
            whole = direct is null ? S3UploadState.NewKey(Id, "whole") : null;
            multipart = await store.Objects.StartMultipartAsync(Key);
        }

        while (sending.Count >= PartsInFlight) await TakeSentAsync();
        sending.Enqueue(SendAsync(Key, multipart, number, buffer!));
        buffer = null;
    }

    private async Task<string> SendAsync(string key, string id, int number, PartBuffer part)
    {
        try
        {
            return await store.Objects.UploadPartAsync(key, id, number, part);
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

    private async Task PutTailAsync()
    {
        var key = S3UploadState.NewKey(Id, "tail");
        await store.Objects.PutAsync(key, buffer!);
        (tail, tailBytes) = (key, buffer!.Length);
        buffer.Dispose();
        buffer = null;
    }

    private async ValueTask TakeTailAsync()
    {
        if (tail is not { } key) return;
        buffer = new PartBuffer();
        if (tailBytes > PartBuffer.FreeBytes) await ReserveAsync(store.Sizes.SizeOf(NextNumber));
        using var content = new S3BlobContent(store.Objects, key, tailBytes);
        await content.ReadAsync(buffer);
        tail = null;
        if (key != left.Tail) garbage.Add(key);
    }

    private async Task PublishSmallAsync(string key)
    {
        if (tail is not null && buffer is null)
        {
            var found = await store.Objects.FindAsync(key);
            if (found?.SizeBytes != Offset) await store.Copying.CopyAsync(tail, key, Offset);
            return;
        }

        using var empty = new PartBuffer();
        await store.Objects.PutAsync(key, buffer ?? empty);
    }

    private async Task PublishWholeAsync(Digest digest, string key)
    {
        if (!isWhole && (await store.Objects.FindAsync(key))?.SizeBytes == Offset) return;
        await CompleteAsync();
        if (isDoubtful && await ReadWholeAsync(digest.Algorithm) != digest)
        {
            throw new UploadLostException("another request has completed the upload with other bytes");
        }

        // Whoever claimed it before this point could have replaced a part with another one of the same tag.
        if (IsHeldAsync is { } ask && !await ask()) throw new UploadTakenException();
        await store.Copying.CopyAsync(Key, key, Offset);
        if ((await store.Objects.FindAsync(key))?.SizeBytes != Offset)
        {
            throw new StoreUnavailableException($"{key} was copied and is not whole");
        }
    }

    /// <summary>Sends what is left as the last part, and puts the parts together.</summary>
    private async Task CompleteAsync()
    {
        if (isWhole) return;
        try
        {
            if (buffer is { Length: > 0 }) await SendPartAsync();
            while (sending.Count > 0) await TakeSentAsync();
            if (tail is not null)
            {
                etags.Add(await store.Objects.CopyPartAsync(
                    Key, multipart!, NextNumber, tail, piece: null, tailBytes));
            }

            await store.Objects.CompleteAsync(Key, multipart!, etags, Offset);
        }
        catch (Exception e) when (e is UploadLostException or AmazonS3Exception { StatusCode: HttpStatusCode.NotFound })
        {
            // An earlier try may have done it, whose answer was lost. What lies there then has to be read again.
            isDoubtful = true;
        }
        catch (AmazonS3Exception e) when (e.ErrorCode is "InvalidPart" or "InvalidPartOrder")
        {
            throw new UploadLostException($"parts of {Key} were replaced: {e.Message}");
        }

        var size = (await store.Objects.FindAsync(Key))?.SizeBytes;
        if (size != Offset) throw new UploadLostException($"{Key} has {size?.ToString() ?? "no"} of {Offset} bytes");
        isWhole = true;
    }

    private async Task<Digest> ReadWholeAsync(DigestAlgorithm algorithm)
    {
        using var content = new S3BlobContent(store.Objects, Key, Offset);
        return await content.ComputeDigestAsync(algorithm, static _ => { }, CancellationToken.None);
    }

    /// <summary>Back to what the database has.</summary>
    private async Task FallBackAsync()
    {
        while (sending.TryDequeue(out var sent))
        {
            await ((Task)sent).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        buffer?.Dispose();
        buffer = null;
        if (multipart is not null && multipart != left.Multipart && !isWhole) await AbortAsync(multipart);
        garbage.UnionWith(new[] { whole, tail }.OfType<string>().Except(left.Keys));
        Load();
        await DeleteGarbageAsync();
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

    /// <summary>What can't be removed now goes with the store's orphans.</summary>
    private async Task DeleteGarbageAsync()
    {
        try
        {
            foreach (var key in garbage) await store.Objects.DeleteAsync(key, isPatient: !isStoreAway);
            garbage.Clear();
        }
        catch (IOException)
        {
            // Logged where it was tried.
        }
    }

    /// <summary>A store that is away keeps the client waiting once, not for the cleaning up too.</summary>
    private void NoteFailure(Exception e)
    {
        isBroken = true;
        isStoreAway = e is StoreUnavailableException;
    }

    private async Task AbortAsync(string id)
    {
        try
        {
            await store.Objects.AbortAsync(Key, id, isPatient: !isStoreAway);
        }
        catch (IOException)
        {
            // Logged where it was tried.
        }
    }
}
