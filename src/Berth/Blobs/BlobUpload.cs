using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>
/// Content on its way into the store: a file that grows at its end. The hash runs along while one process writes from
/// the start; after a restart, or for another algorithm, it is taken again from the file.
/// Not safe for use by two requests at once: see <see cref="TryEnter"/>.
/// </summary>
internal sealed class BlobUpload : IDisposable
{
    /// <summary>Enough to be worth a second thread, in bytes.</summary>
    private const int BatchBytes = 256 * 1024;

    private readonly string path;
    private SafeFileHandle? file;
    private IncrementalHash? hash;
    private int entered;
    private volatile bool isClosed;

    public BlobUpload(UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string path)
    {
        Id = id;
        Repository = repository;
        Algorithm = algorithm;
        this.path = path;
        var written = new FileInfo(path);
        Offset = written.Exists ? written.Length : 0;
        if (Offset == 0) hash = Digest.StartHash(algorithm);
    }

    public UploadId Id { get; }

    public RepositoryName Repository { get; }

    public DigestAlgorithm Algorithm { get; }

    public string Path => path;

    /// <summary>How many bytes were received so far.</summary>
    public long Offset { get; private set; }

    /// <summary>Lets one request in at a time; false while another one writes, and once the upload is closed.</summary>
    public bool TryEnter() => Interlocked.CompareExchange(ref entered, 1, 0) == 0 && !isClosed;

    public void Leave() => Volatile.Write(ref entered, 0);

    /// <summary>
    /// Appends a request's body, straight from the server's buffers: while a batch is hashed here and written on
    /// another thread, the server receives the next one. Whatever arrived before a failure stays, so that a client can
    /// go on from <see cref="Offset"/>.
    /// </summary>
    /// <exception cref="UploadTooLargeException">The upload would grow above <paramref name="maxBytes"/>.</exception>
    public async Task AppendAsync(PipeReader body, long maxBytes)
    {
        while (true)
        {
            // Never cancelled, which would leave the server reading. When the client goes, the body ends by itself.
            var result = await body.ReadAtLeastAsync(BatchBytes, CancellationToken.None);
            var batch = result.Buffer;
            try
            {
                if (Offset + batch.Length > maxBytes) throw new UploadTooLargeException(maxBytes);
                await StoreAsync(batch);
            }
            finally
            {
                // Also after a failure: the server drops the connection, and the answer, over a read that never ended.
                body.AdvanceTo(batch.End);
            }

            if (result.IsCompleted) return;
        }
    }

    /// <summary>Forgets everything after an offset, as when a request failed that can't be continued.</summary>
    public void TruncateTo(long offset)
    {
        if (offset < Offset && !isClosed) Forget(offset);
    }

    /// <summary>The digest of what was received.</summary>
    public Digest ComputeDigest(DigestAlgorithm algorithm) => hash is not null && algorithm == Algorithm
        ? Digest.FromHash(algorithm, hash.GetCurrentHash())
        : BlobContent.ComputeDigest(File(), algorithm);

    /// <summary>Makes sure the file is there, also for a blob of no bytes.</summary>
    public void CreateFile() => _ = File();

    public void Dispose()
    {
        isClosed = true;
        file?.Dispose();
        hash?.Dispose();
    }

    private void Forget(long offset)
    {
        RandomAccess.SetLength(File(), offset);
        Offset = offset;
        hash?.Dispose();
        hash = offset == 0 ? Digest.StartHash(Algorithm) : null;
    }

    private async ValueTask StoreAsync(ReadOnlySequence<byte> batch)
    {
        if (batch.IsEmpty) return;
        var writing = batch.Length < BatchBytes ? null : Task.Run(() => Write(batch));
        try
        {
            if (writing is null) Write(batch);
            Hash(batch);
            if (writing is not null) await writing;
            Offset += batch.Length;
        }
        catch (IOException)
        {
            // The hash is ahead of the file: it starts again from what was kept.
            if (!isClosed) Forget(Offset);
            throw;
        }
    }

    private void Write(ReadOnlySequence<byte> batch)
    {
        var position = Offset;
        foreach (var segment in batch)
        {
            RandomAccess.Write(File(), segment.Span, position);
            position += segment.Length;
        }
    }

    private void Hash(ReadOnlySequence<byte> batch)
    {
        if (hash is null) return;
        foreach (var segment in batch) hash.AppendData(segment.Span);
    }

    private SafeFileHandle File() => file ??= System.IO.File.OpenHandle(
        path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}

/// <summary>An upload grew above the limit that the settings name.</summary>
internal sealed class UploadTooLargeException(long maxBytes)
    : Exception($"blobs may have at most {maxBytes} bytes here (limits.maximumuploadbytes)");
