using System.Buffers;
using System.IO.Pipelines;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>A blob in a file.</summary>
internal sealed class FileBlobContent(SafeFileHandle file) : BlobContent
{
    private const int ChunkBytes = 256 * 1024;

    /// <summary>
    /// How many bytes a copy sends before it yields its thread. Each yield wakes another thread; doing so at every
    /// chunk would cost a quarter of the copy's CPU time.
    /// </summary>
    private const int YieldBytes = 4 * 1024 * 1024;

    public override long Length { get; } = RandomAccess.GetLength(file);

    public override SafeFileHandle File => file;

    /// <summary>When the file was last written.</summary>
    public DateTime WrittenUtc => System.IO.File.GetLastWriteTimeUtc(file);

    /// <summary>Reads a whole file to compute its digest.</summary>
    public static Digest ComputeDigest(
        SafeFileHandle file, DigestAlgorithm algorithm,
        Action<int>? read = null, CancellationToken cancellation = default)
    {
        using var hash = Digest.StartHash(algorithm);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (long offset = 0; RandomAccess.Read(file, buffer, offset) is > 0 and var count; offset += count)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, count);
                read?.Invoke(count);
            }

            return Digest.FromHash(algorithm, hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public override Task<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int> read, CancellationToken cancellation) =>
        Task.FromResult(ComputeDigest(file, algorithm, read, cancellation));

    public override async Task CopyToAsync(
        PipeWriter output, long offset, long count, CancellationToken cancellation)
    {
        while (count > 0)
        {
            var memory = output.GetMemory((int)Math.Min(ChunkBytes, count));
            if (memory.Length > count) memory = memory[..(int)count];
            var read = RandomAccess.Read(file, memory.Span, offset);
            if (read == 0) throw new EndOfStreamException("the blob's file is shorter than it was");
            output.Advance(read);
            offset += read;
            count -= read;
            var flushed = await output.FlushAsync(cancellation);
            if (flushed.IsCompleted) throw new OperationCanceledException("the client went away");

            // A connection that never blocks, or is cut, would occupy this thread until the end of the blob; the thread
            // may be the one needed to notice the cut.
            if (count > 0 && offset / YieldBytes != (offset - read) / YieldBytes) await Task.Yield();
        }
    }

    public override Task HashAsync(
        ResumableHash hash, long offset, long count, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            while (count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                var read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(ChunkBytes, count)), offset);
                if (read == 0) throw new EndOfStreamException("the blob's file is shorter than it was");
                hash.Append(buffer.AsSpan(0, read));
                offset += read;
                count -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return Task.CompletedTask;
    }

    public override void Dispose() => file.Dispose();
}
