using System.Buffers;
using System.IO.Pipelines;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Content on its way into the store: bytes are appended until the client says that it is complete. Not safe for use by
/// two requests at once.
/// </summary>
internal abstract class BlobUpload(UploadId id, RepositoryName repository, DigestAlgorithm algorithm) : IDisposable
{
    /// <summary>From this size, in bytes, a batch is worth a second thread.</summary>
    protected const int BatchBytes = 256 * 1024;

    private volatile bool isClosed;

    public UploadId Id => id;

    public RepositoryName Repository => repository;

    public DigestAlgorithm Algorithm => algorithm;

    /// <summary>How many bytes have been received so far.</summary>
    public long Offset { get; protected set; }

    /// <summary>The digest that the client announced before the first byte; null if it did not.</summary>
    public Digest? Expected { get; set; }

    /// <summary>
    /// What is needed to reopen and resume the upload, after <see cref="SuspendAsync"/>; null if nothing is.
    /// </summary>
    public virtual string? State => null;

    /// <summary>
    /// Tells whether this request still holds the upload, or another has claimed it since; null if none could have.
    /// </summary>
    public Func<CancellationToken, ValueTask<bool>>? IsHeldAsync { get; set; }

    /// <summary>Called before the upload grows to a length, in bytes; null if it may have any.</summary>
    public Func<long, ValueTask>? AdmitAsync { get; set; }

    public bool IsClosed => isClosed;

    /// <summary>The upload's length when the current request began, in bytes.</summary>
    protected long BegunAt { get; private set; }

    /// <summary>Called before each request that writes, by the code that admits one at a time.</summary>
    public void BeginRequest()
    {
        BegunAt = Offset;
        Expected = null;
        AdmitAsync = null;
    }

    /// <summary>
    /// Appends a request's body, straight from the server's buffers: while a batch is stored, the server receives the
    /// next one. Whatever arrived before a failure is kept, so that a client can resume at <see cref="Offset"/>.
    /// </summary>
    /// <param name="body">The body.</param>
    /// <param name="maxBytes">How large the upload may get.</param>
    /// <param name="cancellation">Cancels for reasons other than the client going away.</param>
    /// <exception cref="UploadTooLargeException">The upload would grow above <paramref name="maxBytes"/>.</exception>
    public async Task AppendAsync(PipeReader body, long maxBytes, CancellationToken cancellation)
    {
        try
        {
            await StoreAllAsync(body, maxBytes, cancellation);
        }
        finally
        {
            await SettleAsync();
        }
    }

    /// <summary>
    /// Takes all of a file as the content, without a copy: from then on nobody may write to that file. False if that is
    /// not possible here.
    /// </summary>
    public virtual bool TryLink(string file) => false;

    /// <summary>Discards everything since <see cref="BeginRequest"/>, and nothing else.</summary>
    public abstract ValueTask RewindAsync(CancellationToken cancellation);

    /// <summary>At the end of a request, stores what was received where any node can find it.</summary>
    public virtual ValueTask SuspendAsync(CancellationToken cancellation) => ValueTask.CompletedTask;

    /// <summary>The digest of what was received.</summary>
    /// <param name="algorithm">Which.</param>
    /// <param name="read">Called with the length of each piece that has to be read again.</param>
    /// <param name="cancellation">Cancels.</param>
    public abstract ValueTask<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int>? read, CancellationToken cancellation);

    /// <summary>Closes the upload. What was received stays in the store.</summary>
    public void Dispose()
    {
        if (isClosed) return;
        isClosed = true;
        Close();
    }

    /// <summary>
    /// Stores a non-empty batch and advances <see cref="Offset"/>. The calling thread receives the next batch as soon
    /// as this yields.
    /// </summary>
    protected abstract ValueTask StoreAsync(ReadOnlySequence<byte> batch, CancellationToken cancellation);

    /// <summary>Completes work that stored batches left in flight.</summary>
    protected virtual ValueTask SettleAsync() => ValueTask.CompletedTask;

    protected abstract void Close();

    private async Task StoreAllAsync(PipeReader body, long maxBytes, CancellationToken cancellation)
    {
        // Cancelling a read by its token leaves it pending in the server. This ends it with an empty result.
        await using var stopping = cancellation.UnsafeRegister(
            static body => ((PipeReader)body!).CancelPendingRead(), body);
        while (true)
        {
            var result = await body.ReadAtLeastAsync(BatchBytes, CancellationToken.None);
            var batch = result.Buffer;
            try
            {
                if (Offset + batch.Length > maxBytes) throw UploadTooLargeException.Above(maxBytes);
                if (AdmitAsync is { } admit && !batch.IsEmpty) await admit(Offset + batch.Length);
                if (!batch.IsEmpty) await StoreAsync(batch, cancellation);
            }
            finally
            {
                // Also after a failure: if a read never ended, the server drops the connection and with it the
                // response.
                body.AdvanceTo(batch.End);
            }

            if (result.IsCompleted) return;
            cancellation.ThrowIfCancellationRequested();
        }
    }
}

/// <summary>An upload grew above a limit, which the message names.</summary>
internal sealed class UploadTooLargeException(string message) : Exception(message)
{
    public static UploadTooLargeException Above(long maxBytes) =>
        new($"blobs may have at most {maxBytes} bytes here (limits.maximumuploadbytes)");
}
