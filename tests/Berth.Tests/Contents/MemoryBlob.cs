using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Tests.Contents;

/// <summary>A blob that is some bytes, or as many as wanted of one kind.</summary>
internal sealed class MemoryBlob(ReadOnlyMemory<byte> bytes, int repeated = 1) : BlobContent
{
    public override long Length => (long)bytes.Length * repeated;

    /// <summary>How many bytes were taken.</summary>
    public long Taken { get; private set; }

    /// <summary>Where the store fails.</summary>
    public long? BreaksAt { get; init; }

    public override async Task CopyToAsync(
        PipeWriter output, long offset, long count, CancellationToken cancellation)
    {
        for (var i = 0; i < repeated; i++)
        {
            for (var part = bytes; !part.IsEmpty; part = part[Math.Min(part.Length, 65_536)..])
            {
                if (Taken >= BreaksAt) throw new StoreUnavailableException("it is away");
                var piece = part[..Math.Min(part.Length, 65_536)];
                Taken += piece.Length;
                var flushed = await output.WriteAsync(piece, cancellation);
                if (flushed.IsCompleted) throw new OperationCanceledException("the reader went away");
            }
        }
    }

    public override Task<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int> read, CancellationToken cancellation) =>
        throw new NotSupportedException();

    public override Task HashAsync(
        ResumableHash hash, long offset, long count, CancellationToken cancellation) =>
        throw new NotSupportedException();

    public override void Dispose()
    {
    }
}
