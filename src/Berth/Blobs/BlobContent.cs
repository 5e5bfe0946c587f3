using System.IO.Pipelines;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>An open blob. It stays readable while it is open, even if it is renamed or deleted.</summary>
internal abstract class BlobContent : IDisposable
{
    /// <summary>Length in bytes.</summary>
    public abstract long Length { get; }

    /// <summary>The blob's file, which the kernel can send by itself; null if there is none.</summary>
    public virtual SafeFileHandle? File => null;

    /// <summary>A signed URL at which anyone can read the blob for a while; null if the store has no URLs.</summary>
    public virtual ValueTask<Uri?> SignAddressAsync(TimeSpan validity) => ValueTask.FromResult<Uri?>(null);

    /// <summary>Writes a part of the blob.</summary>
    /// <exception cref="EndOfStreamException">The content ended early: it shrank while it was being read.</exception>
    /// <exception cref="StoreUnavailableException">The store can't read it.</exception>
    public abstract Task CopyToAsync(PipeWriter output, long offset, long count, CancellationToken cancellation);

    /// <summary>Reads the whole blob to compute its digest, and reports the length of each piece.</summary>
    public abstract Task<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int> read, CancellationToken cancellation);

    /// <summary>Adds a part of the blob to a hash, which may go on later, and elsewhere.</summary>
    /// <exception cref="EndOfStreamException">The content ended early.</exception>
    /// <exception cref="StoreUnavailableException">The store can't read it.</exception>
    public abstract Task HashAsync(ResumableHash hash, long offset, long count, CancellationToken cancellation);

    public abstract void Dispose();
}
