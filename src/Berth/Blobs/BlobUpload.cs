using System.Buffers;
using System.IO.Pipelines;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Content on its way into the store: bytes that are appended until the client says that this was all.
/// Not safe for use by two requests at once.
/// </summary>
internal abstract class BlobUpload(UploadId id, RepositoryName repository, DigestAlgorithm algorithm) : IDisposable
{
    /// <summary>Enough to be worth a second thread, in bytes.</summary>
    protected const int BatchBytes = 256 * 1024;

    private volatile bool isClosed;

    public UploadId Id => id;

    public RepositoryName Repository => repository;

    public DigestAlgorithm Algorithm => algorithm;

    /// <summary>How many bytes were received so far.</summary>
    public long Offset { get; protected set; }

    /// <summary>What the client said before the first byte that the whole is; null where it has not.</summary>
    public Digest? Expected { get; set; }

    /// <summary>
    /// What whoever opens the upload again needs in order to resume it, after <see cref="SuspendAsync"/>; null where
    /// that is nothing.
    /// </summary>
    public virtual string? State => null;

    /// <summary>
    /// Asks whether no other request has claimed the upload since this one did; null where none could have.
    /// </summary>
    public Func<CancellationToken, ValueTask<bool>>? IsHeldAsync { get; set; }

    public bool IsClosed => isClosed;

    /// <summary>Where the request that writes now found the upload, in bytes.</summary>
    protected long BegunAt { get; private set; }

    /// <summary>Called before each request that writes, by whoever sees to it that there is one at a time.</summary>
    public void BeginRequest()
    {
        BegunAt = Offset;
        Expected = null;
    }

    /// <summary>
    /// Appends a request's body, straight from the server's buffers: while a batch is stored, the server receives the
    /// next one. Whatever arrived before a failure stays, so that a client can resume at <see cref="Offset"/>.
    /// </summary>
    /// <param name="body">The body.</param>
    /// <param name="maxBytes">How large the upload may get.</param>
    /// <param name="cancellation">Ends it for another reason than that the client went away.</param>
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

    /// <summary>Forgets everything since <see cref="BeginRequest"/>, and nothing else.</summary>
    public abstract ValueTask RewindAsync(CancellationToken cancellation);

    /// <summary>Puts what was received where any node finds it, at the end of a request.</summary>
    public virtual ValueTask SuspendAsync(CancellationToken cancellation) => ValueTask.CompletedTask;

    /// <summary>The digest of what was received.</summary>
    /// <param name="algorithm">Which.</param>
    /// <param name="read">Called with the length of each piece that has to be read again for it.</param>
    /// <param name="cancellation">Ends the reading.</param>
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
    /// Stores a batch that is not empty, and moves <see cref="Offset"/> behind it. The thread that brought it receives
    /// the next one as soon as it is let go.
    /// </summary>
    protected abstract ValueTask StoreAsync(ReadOnlySequence<byte> batch, CancellationToken cancellation);

    /// <summary>Ends what stored batches left under way.</summary>
    protected virtual ValueTask SettleAsync() => ValueTask.CompletedTask;

    protected abstract void Close();

    private async Task StoreAllAsync(PipeReader body, long maxBytes, CancellationToken cancellation)
    {
        // A read that is given a token and cancelled stays open in the server. This ends one with an empty result.
        await using var stopping = cancellation.UnsafeRegister(
            static body => ((PipeReader)body!).CancelPendingRead(), body);
        while (true)
        {
            var result = await body.ReadAtLeastAsync(BatchBytes, CancellationToken.None);
            var batch = result.Buffer;
            try
            {
                if (Offset + batch.Length > maxBytes) throw UploadTooLargeException.Above(maxBytes);
                if (!batch.IsEmpty) await StoreAsync(batch, cancellation);
            }
            finally
            {
                // Also after a failure: the server drops the connection, and the answer, over a read that never ended.
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
