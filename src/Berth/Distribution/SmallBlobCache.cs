using System.Collections.Concurrent;
using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Transport;
using Microsoft.Win32.SafeHandles;

namespace Berth.Distribution;

/// <summary>
/// The bytes of recently pulled small blobs, such as image configs, so that a pull opens no file and asks no store.
/// Bytes are only cached if they match their digest: altered content is left for the client and <c>berth verify</c> to
/// find, and never outlives the good blob that replaces it. The caller checks on each pull that the blob still exists
/// and is complete.
/// </summary>
internal sealed class SmallBlobCache(LimitSettings limits)
{
    /// <summary>Larger blobs are sent straight from the file, which is cheaper than any copy.</summary>
    public const long LargestBytes = FileSending.MinimumBytes - 1;

    /// <summary>What an entry takes besides its content.</summary>
    private const int EntryBytes = 300;

    private readonly BoundedCache<byte[]> contents = new(limits.BlobCacheBytes);

    /// <summary>Blobs being loaded from the store, so that concurrent requests cause one read.</summary>
    private readonly ConcurrentDictionary<Digest, Lazy<Task<byte[]?>>> loading = new();

    public byte[]? Find(Digest digest) => contents.TryGet(digest.Text, out var content) ? content : null;

    /// <summary>Reads and caches a blob; null if it is too large, or altered.</summary>
    /// <exception cref="StoreUnavailableException">The store can't read it.</exception>
    public ValueTask<byte[]?> KeepAsync(Digest digest, BlobContent blob, CancellationToken cancellation)
    {
        if (blob.Length > LargestBytes || limits.BlobCacheBytes == 0) return ValueTask.FromResult<byte[]?>(null);
        if (blob.File is { } file) return ValueTask.FromResult(Read(digest, file, (int)blob.Length));
        var load = loading.GetOrAdd(digest, new Lazy<Task<byte[]?>>(() => LoadAsync(digest, blob)));
        return new ValueTask<byte[]?>(load.Value.WaitAsync(cancellation));
    }

    private byte[]? Read(Digest digest, SafeFileHandle file, int length)
    {
        var content = new byte[length];
        return RandomAccess.Read(file, content, fileOffset: 0) == length ? KeepRight(digest, content) : null;
    }

    /// <summary>No cancellation token: others wait for the same result. The store has its own timeout.</summary>
    private async Task<byte[]?> LoadAsync(Digest digest, BlobContent blob)
    {
        try
        {
            // Another load may have ended since the caller looked.
            if (Find(digest) is { } known) return known;
            var content = new byte[blob.Length];
            var output = PipeWriter.Create(new MemoryStream(content));
            await blob.CopyToAsync(output, 0, content.Length, CancellationToken.None);
            await output.CompleteAsync();
            return KeepRight(digest, content);
        }
        finally
        {
            loading.TryRemove(digest, out _);
        }
    }

    private byte[]? KeepRight(Digest digest, byte[] content)
    {
        if (Digest.Of(digest.Algorithm, content) != digest) return null;
        contents.Set(digest.Text, content, content.Length + EntryBytes);
        return content;
    }
}
