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
/// The bytes of small blobs that were recently pulled, such as the configs of images, so that a pull opens no file and
/// asks no store. Only bytes that have the digest they are kept under come in: a blob that something altered stays a
/// matter between the client and <c>berth verify</c>, and a good one that replaces it is never answered with the
/// altered bytes. That the blob is still there, whole, is for the caller to check at each pull.
/// </summary>
internal sealed class SmallBlobCache(LimitSettings limits)
{
    /// <summary>Above this a file goes out by itself, more cheaply than any copy.</summary>
    public const long LargestBytes = FileSending.MinimumBytes - 1;

    /// <summary>What an entry takes besides its content.</summary>
    private const int EntryBytes = 300;

    private readonly BoundedCache<byte[]> contents = new(limits.BlobCacheBytes);

    /// <summary>Those that are being read from a store now, so that many who ask at once cause one read.</summary>
    private readonly ConcurrentDictionary<Digest, Lazy<Task<byte[]?>>> loading = new();

    public byte[]? Find(Digest digest) => contents.TryGet(digest.Text, out var content) ? content : null;

    /// <summary>Reads and keeps a blob; null where it is not small, or altered.</summary>
    /// <exception cref="StoreUnavailableException">The store does not give it.</exception>
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

    /// <summary>No token: others wait for the same. The store bounds its own time.</summary>
    private async Task<byte[]?> LoadAsync(Digest digest, BlobContent blob)
    {
        try
        {
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
