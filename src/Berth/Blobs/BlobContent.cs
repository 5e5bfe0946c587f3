using System.IO.Pipelines;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>An open blob. It stays readable while it is open, whatever happens to its name meanwhile.</summary>
internal abstract class BlobContent : IDisposable
{
    /// <summary>Length in bytes.</summary>
    public abstract long Length { get; }

    /// <summary>The file it lies in, which the kernel can send by itself; null where there is none.</summary>
    public virtual SafeFileHandle? File => null;

    /// <summary>An address at which anyone can read the blob for a while; null where it has none of its own.</summary>
    public virtual ValueTask<Uri?> SignAddressAsync(TimeSpan validity) => ValueTask.FromResult<Uri?>(null);

    /// <summary>Writes a part of the blob.</summary>
    /// <exception cref="EndOfStreamException">The content ended early: it shrank while it was being read.</exception>
    /// <exception cref="StoreUnavailableException">The store does not give it.</exception>
    public abstract Task CopyToAsync(PipeWriter output, long offset, long count, CancellationToken cancellation);

    /// <summary>Reads the whole again for its digest, and says of each piece how many bytes it had.</summary>
    public abstract Task<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int> read, CancellationToken cancellation);

    public abstract void Dispose();
}
