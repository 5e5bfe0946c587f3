using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Transport;

namespace Berth.Distribution;

/// <summary>
/// The bytes of small blobs that were lately pulled, such as the configs of images, so that a pull opens no file. Only
/// bytes that have the digest they are kept under come in: a file that something altered stays a matter between the
/// client and <c>berth verify</c>, and a good one that replaces it is never answered with the altered bytes. That the
/// file is still there, whole, is for the caller to check at each pull.
/// </summary>
internal sealed class SmallBlobCache(LimitSettings limits)
{
    /// <summary>Above this a file goes out by itself, more cheaply than any copy.</summary>
    public const long LargestBytes = FileSending.MinimumBytes - 1;

    /// <summary>What an entry takes besides its content.</summary>
    private const int EntryBytes = 300;

    private readonly BoundedCache<byte[]> contents = new(limits.BlobCacheBytes);

    public byte[]? Find(Digest digest) => contents.TryGet(digest.Text, out var content) ? content : null;

    /// <summary>Reads and keeps a blob; null where it is not small, not a file, or altered.</summary>
    public byte[]? Keep(Digest digest, BlobContent blob)
    {
        if (blob.Length > LargestBytes || blob.File is not { } file || limits.BlobCacheBytes == 0) return null;
        var content = new byte[blob.Length];
        if (RandomAccess.Read(file, content, fileOffset: 0) != content.Length) return null;
        if (Digest.Of(digest.Algorithm, content) != digest) return null;
        contents.Set(digest.Text, content, content.Length + EntryBytes);
        return content;
    }
}
