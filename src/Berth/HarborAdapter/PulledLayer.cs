using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Import;
using Berth.Oci;

namespace Berth.HarborAdapter;

/// <summary>
/// A layer of another registry that is read as it comes, and kept nowhere. Whoever reads it may stop before its end:
/// the rest is fetched all the same, since only at the end it is known to be what its digest says.
/// </summary>
/// <param name="blob">The layer, which the caller disposes of.</param>
/// <param name="layer">What it must be.</param>
/// <param name="stop">Gives up.</param>
internal sealed class PulledLayer(SourceBlob blob, Descriptor layer, CancellationToken stop) : BlobContent
{
    private const int PieceBytes = 64 << 10;

    public override long Length => layer.SizeBytes;

    /// <summary>Whether all of it was read, and is what it must be.</summary>
    public bool IsVerified { get; private set; }

    /// <summary>What kept it from being read; null: nothing did.</summary>
    public Exception? Failure { get; private set; }

    public override async Task CopyToAsync(
        PipeWriter output, long offset, long count, CancellationToken cancellation)
    {
        using var hash = Digest.StartHash(layer.Digest.Algorithm);
        var (buffer, isWanted) = (new byte[PieceBytes], true);
        try
        {
            while (await blob.ReadAsync(buffer, stop) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
                isWanted = isWanted && !cancellation.IsCancellationRequested
                    && await SendAsync(output, buffer.AsMemory(0, read), cancellation);
            }

            if (Digest.FromHash(layer.Digest.Algorithm, hash.GetHashAndReset()) != layer.Digest)
                throw new ScanFaultException($"what the registry sent as {layer.Digest} is something else");
            IsVerified = true;
        }
        catch (Exception e)
        {
            Failure = e;
            throw;
        }
    }

    public override Task<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int> read, CancellationToken cancellation) =>
        throw new NotSupportedException();

    public override Task HashAsync(ResumableHash hash, long offset, long count, CancellationToken cancellation) =>
        throw new NotSupportedException();

    public override void Dispose()
    {
    }

    /// <summary>False: nobody reads on.</summary>
    private static async ValueTask<bool> SendAsync(
        PipeWriter output, ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        try
        {
            return !(await output.WriteAsync(piece, cancellation)).IsCompleted;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
