using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Blobs in a bucket or a container that any number of nodes share:
/// <code>
/// blobs/sha256/ab/abcdef…      a complete blob, under its digest
/// uploads/0123…/…              what uploads received, see <see cref="ObjectBlobUpload"/>
/// quarantine/sha256-abcdef…    what `berth verify` found altered
/// </code>
/// An object is durable once the store has acknowledged it, so nothing is staged here.
/// </summary>
internal sealed partial class ObjectBlobStore : IBlobStore, IDisposable
{
    private const string Blobs = "blobs/";
    private const string Uploads = "uploads/";
    private const string Quarantine = "quarantine/";

    /// <summary>How many blobs of one manifest are looked up at once.</summary>
    private const int ParallelLookups = 16;

    /// <summary>
    /// A multipart upload at a blob's own key belongs to a single request, and no table records it. It is an orphan
    /// once it is older than any request can be.
    /// </summary>
    private static readonly TimeSpan LongestRequest = TimeSpan.FromDays(7);

    private readonly ObjectStore objects;
    private readonly ObjectUploading uploading;
    private readonly KnownLengths lengths;
    private readonly TimeProvider clock;
    private readonly ILogger log;

    public ObjectBlobStore(ObjectStore objects, TimeProvider clock, ILogger<ObjectBlobStore> log)
    {
        (this.objects, this.clock, this.log) = (objects, clock, log);
        lengths = new KnownLengths(clock);
        uploading = new ObjectUploading(objects, new UploadMemory(objects.UploadMemoryBytes), objects.Sizes, clock);
    }

    /// <summary>The object store in the settings, or null if blobs go into a folder.</summary>
    public static ObjectBlobStore? Open(StorageSettings settings, TimeProvider clock, ILogger<ObjectBlobStore> log) =>
        settings switch
        {
            { S3: { } s3 } => new ObjectBlobStore(new S3Objects(s3, clock, log), clock, log),
            { Azure: { } azure } => new ObjectBlobStore(new AzureObjects(azure, clock, log), clock, log),
            _ => null,
        };

    /// <summary>The kind of store, in one word.</summary>
    public string Kind => objects.Kind;

    public string Name => objects.Name;

    /// <summary>The memory that uploads share.</summary>
    public UploadMemory Memory => uploading.Memory;

    public static string KeyOf(Digest digest) => $"{Blobs}{NameOf(digest)}/{digest.Hex.AsSpan(0, 2)}/{digest.Hex}";

    public ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state,
        CancellationToken cancellation) =>
        ValueTask.FromResult<BlobUpload>(new ObjectBlobUpload(id, repository, algorithm, state, uploading));

    /// <summary>Best effort: what can't be deleted now is deleted later, with the orphans.</summary>
    public async Task DeleteUploadAsync(UploadId id, string? state, CancellationToken cancellation)
    {
        try
        {
            var left = ObjectUploadState.Parse(state);
            if (left.Multipart is { } multipart) await objects.AbortAsync(left.Whole!, multipart, cancellation);
            foreach (var key in left.Keys) await objects.DeleteAsync(key, cancellation);
        }
        catch (IOException e)
        {
            LogLeftBehind(id, e.Message);
        }
    }

    public async Task RemoveOrphansAsync(
        DateTimeOffset since, Func<UploadId, ValueTask<bool>> isOwned, CancellationToken cancellation)
    {
        var longAgo = clock.GetUtcNow() - LongestRequest;
        await foreach (var multipart in objects.ListMultipartsAsync(cancellation))
        {
            var isOrphan = TryReadUpload(multipart.Key, out var id)
                ? multipart.StartedAt < since && !await isOwned(id)
                : multipart.Key.StartsWith(Blobs, StringComparison.Ordinal)
                    && multipart.StartedAt < since && multipart.StartedAt < longAgo;
            if (isOrphan) await objects.AbortAsync(multipart.Key, multipart.Id, cancellation);
        }

        await foreach (var found in objects.ListAsync(Uploads, cancellation))
        {
            if (found.WrittenAt < since && TryReadUpload(found.Key, out var id) && !await isOwned(id))
                await objects.DeleteAsync(found.Key, cancellation);
        }
    }

    public async Task CommitAsync(BlobUpload upload, Digest digest, CancellationToken cancellation)
    {
        var received = (ObjectBlobUpload)upload;
        var length = received.Offset;
        await received.PublishAsync(digest, KeyOf(digest), cancellation);
        lengths.Add(digest, length);
    }

    /// <summary>Asks the store each time. Cached lengths don't count: the blob may be gone.</summary>
    public async Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(
        IReadOnlyCollection<Digest> digests, CancellationToken cancellation)
    {
        var durable = new ConcurrentDictionary<Digest, long>();
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = ParallelLookups,
            CancellationToken = cancellation,
        };
        await Parallel.ForEachAsync(digests, parallel, async (digest, stop) =>
        {
            if (await FetchLengthAsync(digest, stop) is { } length) durable[digest] = length;
        });
        return durable;
    }

    public async ValueTask<long?> LengthOfAsync(Digest digest, CancellationToken cancellation)
    {
        if (lengths.Find(digest) is { } known) return known;
        return await FetchLengthAsync(digest, cancellation);
    }

    public async ValueTask<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation) =>
        await LengthOfAsync(digest, cancellation) is { } length
            ? new ObjectBlobContent(objects, KeyOf(digest), length, () => lengths.Remove(digest))
            : null;

    public async Task DeleteAsync(Digest digest, CancellationToken cancellation)
    {
        await objects.DeleteAsync(KeyOf(digest), cancellation);
        lengths.Remove(digest);
    }

    public async IAsyncEnumerable<Digest> ListAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var found in objects.ListAsync(Blobs, cancellation))
        {
            if (found.Key.Split('/') is [_, var algorithm, _, var hex]
                && Digest.TryParse($"{algorithm}:{hex}", out var digest))
            {
                yield return digest;
            }
        }
    }

    /// <summary>Moves only the object that was found altered, identified by its ETag.</summary>
    public async Task<bool> QuarantineAsync(Digest digest, BlobContent altered, CancellationToken cancellation)
    {
        var key = KeyOf(digest);
        var aside = QuarantineKey(digest);
        var etag = ((ObjectBlobContent)altered).ETag;
        if (!await objects.CopyAsync(key, aside, altered.Length, cancellation, etag)) return false;
        if ((await objects.FindAsync(key, cancellation))?.ETag != etag) return false;
        if (!await objects.DeleteAsync(key, CancellationToken.None, etag)) return false;
        lengths.Remove(digest);
        return true;
    }

    public async IAsyncEnumerable<Digest> ListQuarantinedAsync(
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var found in objects.ListAsync(Quarantine, cancellation))
        {
            if (Digest.TryParse(found.Key[Quarantine.Length..].Replace('-', ':'), out var digest)) yield return digest;
        }
    }

    public Task DeleteQuarantinedAsync(Digest digest, CancellationToken cancellation) =>
        objects.DeleteAsync(QuarantineKey(digest), cancellation);

    private static string QuarantineKey(Digest digest) => $"{Quarantine}{NameOf(digest)}-{digest.Hex}";

    public async ValueTask<string?> FindProblemAsync(bool forPulls, CancellationToken cancellation)
    {
        try
        {
            await objects.ProbeAsync(cancellation);
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    public void Dispose()
    {
        objects.Dispose();
        uploading.Memory.Dispose();
    }

    private async ValueTask<long?> FetchLengthAsync(Digest digest, CancellationToken cancellation)
    {
        if (await objects.FindAsync(KeyOf(digest), cancellation) is { } found)
        {
            lengths.Add(digest, found.SizeBytes);
            return found.SizeBytes;
        }

        lengths.Remove(digest);
        return null;
    }

    private static string NameOf(Digest digest) => digest.Algorithm == DigestAlgorithm.Sha512 ? "sha512" : "sha256";

    private static bool TryReadUpload(string key, out UploadId id)
    {
        id = default;
        return key.Split('/') is ["uploads", var name, _] && UploadId.TryParse(name, out id);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upload {Id} could not be deleted completely: {Reason}")]
    private partial void LogLeftBehind(UploadId id, string reason);
}
