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
    /// What another node needs in order to go on, after <see cref="SuspendAsync"/>; null where none could.
    /// </summary>
    public virtual string? State => null;

    /// <summary>
    /// Asks whether no other request has claimed the upload since this one did; null where none could have.
    /// </summary>
    public Func<ValueTask<bool>>? IsHeldAsync { get; set; }

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
    /// next one. Whatever arrived before a failure stays, so that a client can go on from <see cref="Offset"/>.
    /// </summary>
    /// <exception cref="UploadTooLargeException">The upload would grow above <paramref name="maxBytes"/>.</exception>
    public async Task AppendAsync(PipeReader body, long maxBytes)
    {
        try
        {
            await StoreAllAsync(body, maxBytes);
        }
        finally
        {
            await SettleAsync();
        }
    }

    /// <summary>Forgets everything since <see cref="BeginRequest"/>, and nothing else.</summary>
    public abstract ValueTask RewindAsync();

    /// <summary>Puts what was received where any node finds it, at the end of a request.</summary>
    public virtual ValueTask SuspendAsync() => ValueTask.CompletedTask;

    /// <summary>The digest of what was received.</summary>
    public abstract ValueTask<Digest> ComputeDigestAsync(DigestAlgorithm algorithm);

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
    protected abstract ValueTask StoreAsync(ReadOnlySequence<byte> batch);

    /// <summary>Ends what stored batches left under way.</summary>
    protected virtual ValueTask SettleAsync() => ValueTask.CompletedTask;

    protected abstract void Close();

    private async Task StoreAllAsync(PipeReader body, long maxBytes)
    {
        while (true)
        {
            // Never cancelled, which would leave the server reading. When the client goes, the body ends by itself.
            var result = await body.ReadAtLeastAsync(BatchBytes, CancellationToken.None);
            var batch = result.Buffer;
            try
            {
                if (Offset + batch.Length > maxBytes) throw UploadTooLargeException.Above(maxBytes);
                if (!batch.IsEmpty) await StoreAsync(batch);
            }
            finally
            {
                // Also after a failure: the server drops the connection, and the answer, over a read that never ended.
                body.AdvanceTo(batch.End);
            }

            if (result.IsCompleted) return;
        }
    }
}

/// <summary>An upload grew above a limit, which the message names.</summary>
internal sealed class UploadTooLargeException(string message) : Exception(message)
{
    public static UploadTooLargeException Above(long maxBytes) =>
        new($"blobs may have at most {maxBytes} bytes here (limits.maximumuploadbytes)");
}
