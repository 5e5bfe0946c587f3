using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Blobs in a bucket or a container, which any number of nodes use at once:
/// <code>
/// blobs/sha256/ab/abcdef…      a whole blob, under its digest
/// uploads/0123…/…              what uploads received, see <see cref="ObjectBlobUpload"/>
/// quarantine/sha256-abcdef…    what `berth verify` found altered
/// </code>
/// The store makes an object durable before it answers, so nothing is staged here.
/// </summary>
internal sealed partial class ObjectBlobStore : IBlobStore, IDisposable
{
    private const string Blobs = "blobs/";
    private const string Uploads = "uploads/";
    private const string Quarantine = "quarantine/";

    /// <summary>Questions about blobs of one manifest that are asked at once.</summary>
    private const int ParallelQuestions = 16;

    /// <summary>
    /// A multipart upload at a blob's own place belongs to a request that no table names: so long a request can't be.
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

    /// <summary>The store that the settings name, or null where that is a folder.</summary>
    public static ObjectBlobStore? Open(StorageSettings settings, TimeProvider clock, ILogger<ObjectBlobStore> log) =>
        settings switch
        {
            { S3: { } s3 } => new ObjectBlobStore(new S3Objects(s3, clock, log), clock, log),
            { Azure: { } azure } => new ObjectBlobStore(new AzureObjects(azure, clock, log), clock, log),
            _ => null,
        };

    /// <summary>What kind of store it is, in one word.</summary>
    public string Kind => objects.Kind;

    public string Name => objects.Name;

    /// <summary>The memory that uploads share.</summary>
    public UploadMemory Memory => uploading.Memory;

    public static string KeyOf(Digest digest) => $"{Blobs}{NameOf(digest)}/{digest.Hex.AsSpan(0, 2)}/{digest.Hex}";

    public ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state,
        CancellationToken cancellation) =>
        ValueTask.FromResult<BlobUpload>(new ObjectBlobUpload(id, repository, algorithm, state, uploading));

    /// <summary>What can't be removed now goes with the orphans.</summary>
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

    /// <summary>What the store has is durable, and only the store can tell: nothing remembered counts here.</summary>
    public async Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(
        IReadOnlyCollection<Digest> digests, CancellationToken cancellation)
    {
        var durable = new ConcurrentDictionary<Digest, long>();
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = ParallelQuestions,
            CancellationToken = cancellation,
        };
        await Parallel.ForEachAsync(digests, parallel, async (digest, stop) =>
        {
            if (await AskLengthAsync(digest, stop) is { } length) durable[digest] = length;
        });
        return durable;
    }

    public async ValueTask<long?> LengthOfAsync(Digest digest, CancellationToken cancellation)
    {
        if (lengths.Find(digest) is { } known) return known;
        return await AskLengthAsync(digest, cancellation);
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

    /// <summary>Only the very object that was found altered, known by its entity tag, is moved.</summary>
    public async Task<bool> QuarantineAsync(Digest digest, BlobContent altered, CancellationToken cancellation)
    {
        var key = KeyOf(digest);
        var aside = $"{Quarantine}{NameOf(digest)}-{digest.Hex}";
        var etag = ((ObjectBlobContent)altered).ETag;
        if (!await objects.CopyAsync(key, aside, altered.Length, cancellation, etag)) return false;
        if ((await objects.FindAsync(key, cancellation))?.ETag != etag) return false;
        if (!await objects.DeleteAsync(key, CancellationToken.None, etag)) return false;
        lengths.Remove(digest);
        return true;
    }

    public async Task<int> CountQuarantinedAsync(CancellationToken cancellation)
    {
        var count = 0;
        await foreach (var _ in objects.ListAsync(Quarantine, cancellation)) count++;
        return count;
    }

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

    private async ValueTask<long?> AskLengthAsync(Digest digest, CancellationToken cancellation)
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upload {Id} left something in the store: {Reason}")]
    private partial void LogLeftBehind(UploadId id, string reason);
}
