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
    private const int BufferBytes = 512 * 1024;

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
    /// Appends a request's body. While one buffer is hashed and written, the next one fills. Whatever arrived before
    /// a failure stays, so that a client can go on from <see cref="Offset"/>.
    /// </summary>
    /// <exception cref="UploadTooLargeException">The upload would grow above <paramref name="maxBytes"/>.</exception>
    public async Task AppendAsync(PipeReader body, long maxBytes, CancellationToken cancellation)
    {
        var filling = ArrayPool<byte>.Shared.Rent(BufferBytes);
        var writing = ArrayPool<byte>.Shared.Rent(BufferBytes);
        var filled = 0;
        var storing = Task.CompletedTask;
        try
        {
            while (true)
            {
                var (read, isLast) = await ReadAsync(body, filling.AsMemory(filled), cancellation);
                filled += read;
                if (Offset + filled > maxBytes) throw new UploadTooLargeException(maxBytes);
                if (isLast) break;
                if (filled < filling.Length) continue;
                await storing;
                (filling, writing) = (writing, filling);
                var full = writing.AsMemory(0, filled);
                storing = Task.Run(() => Store(full.Span), CancellationToken.None);
                filled = 0;
            }
        }
        finally
        {
            await storing;
            if (Offset + filled <= maxBytes) Store(filling.AsSpan(0, filled));
            ArrayPool<byte>.Shared.Return(filling);
            ArrayPool<byte>.Shared.Return(writing);
        }
    }

    /// <summary>Forgets everything after an offset, as when a request failed that can't be continued.</summary>
    public void TruncateTo(long offset)
    {
        if (offset >= Offset || isClosed) return;
        RandomAccess.SetLength(File(), offset);
        Offset = offset;
        hash?.Dispose();
        hash = offset == 0 ? Digest.StartHash(Algorithm) : null;
    }

    /// <summary>The digest of what was received.</summary>
    public Digest ComputeDigest(DigestAlgorithm algorithm)
    {
        if (hash is not null && algorithm == Algorithm) return Digest.FromHash(algorithm, hash.GetCurrentHash());
        using var again = Digest.StartHash(algorithm);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        long position = 0;
        while (RandomAccess.Read(File(), buffer, position) is > 0 and var read)
        {
            again.AppendData(buffer, 0, read);
            position += read;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return Digest.FromHash(algorithm, again.GetHashAndReset());
    }

    /// <summary>Makes sure the file is there, also for a blob of no bytes.</summary>
    public void CreateFile() => _ = File();

    public void Dispose()
    {
        isClosed = true;
        file?.Dispose();
        hash?.Dispose();
    }

    private static async ValueTask<(int Read, bool IsLast)> ReadAsync(
        PipeReader body, Memory<byte> target, CancellationToken cancellation)
    {
        var result = await body.ReadAsync(cancellation);
        var available = result.Buffer;
        if (available.Length > target.Length) available = available.Slice(0, target.Length);
        available.CopyTo(target.Span);
        var isLast = result.IsCompleted && available.Length == result.Buffer.Length;
        var read = (int)available.Length;
        body.AdvanceTo(available.End);
        return (read, isLast);
    }

    private void Store(ReadOnlySpan<byte> content)
    {
        if (content.IsEmpty) return;
        try
        {
            RandomAccess.Write(File(), content, Offset);
        }
        catch (IOException)
        {
            // A full disk may have taken some of it, which nobody counted.
            if (file is { IsClosed: false }) RandomAccess.SetLength(file, Offset);
            throw;
        }

        hash?.AppendData(content);
        Offset += content.Length;
    }

    private SafeFileHandle File() => file ??= System.IO.File.OpenHandle(
        path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}

/// <summary>An upload grew above the limit that the settings name.</summary>
internal sealed class UploadTooLargeException(long maxBytes)
    : Exception($"blobs may have at most {maxBytes} bytes here (limits.maximumuploadbytes)");
