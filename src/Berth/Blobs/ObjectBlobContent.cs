using System.Buffers;
using System.IO.Pipelines;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>A blob in an object store. A read resumes where the connection broke.</summary>
/// <param name="objects">The store.</param>
/// <param name="key">Its key.</param>
/// <param name="length">Its length in bytes.</param>
/// <param name="onGone">Called if the object turns out to be missing or different.</param>
internal sealed class ObjectBlobContent(ObjectStore objects, string key, long length, Action? onGone = null)
    : BlobContent
{
    private const int ChunkBytes = 256 * 1024;

    public override long Length => length;

    /// <summary>The ETag of the object that was read; null before the first read.</summary>
    public string? ETag { get; private set; }

    public override async ValueTask<Uri?> SignAddressAsync(TimeSpan validity) => await objects.SignAsync(key, validity);

    public override Task CopyToAsync(PipeWriter output, long offset, long count, CancellationToken cancellation) =>
        ReadAsync(
            offset, count, output.GetMemory,
            async read =>
            {
                output.Advance(read);
                var flushed = await output.FlushAsync(cancellation);
                if (flushed.IsCompleted) throw new OperationCanceledException("the client went away");
            },
            cancellation);

    /// <summary>Reads the whole blob into a buffer.</summary>
    public Task ReadAsync(PartBuffer buffer, CancellationToken cancellation) => ReadAsync(
        0, length, wanted => buffer.Room(wanted),
        read =>
        {
            buffer.Advance(read);
            return ValueTask.CompletedTask;
        },
        cancellation);

    public override async Task<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int> read, CancellationToken cancellation)
    {
        using var hash = Digest.StartHash(algorithm);
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            await ReadAsync(
                0, length, _ => chunk,
                count =>
                {
                    hash.AppendData(chunk, 0, count);
                    read(count);
                    return ValueTask.CompletedTask;
                },
                cancellation);
            return Digest.FromHash(algorithm, hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    public override async Task HashAsync(
        ResumableHash hash, long offset, long count, CancellationToken cancellation)
    {
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            await ReadAsync(
                offset, count, _ => chunk,
                read =>
                {
                    hash.Append(chunk.AsSpan(0, read));
                    return ValueTask.CompletedTask;
                },
                cancellation);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    public override void Dispose()
    {
    }

    /// <summary>
    /// Each connection resumes where the last one broke. Only connections in a row that bring no byte count as
    /// failures.
    /// </summary>
    private async Task ReadAsync(
        long offset, long count, Func<int, Memory<byte>> room, Func<int, ValueTask> take,
        CancellationToken cancellation)
    {
        var failures = 0;
        while (count > 0)
        {
            using var reading = await OpenAsync(offset, count, cancellation);
            var before = count;
            while (count > 0)
            {
                var memory = room((int)Math.Min(ChunkBytes, count));
                if (memory.Length > count) memory = memory[..(int)count];
                var read = await objects.ReadAsync(reading.Content, memory, key, cancellation);
                if (read == 0) break;
                await take(read);
                offset += read;
                count -= read;
            }

            failures = count < before ? 0 : failures + 1;
            if (count > 0 && !await objects.WaitBeforeRetryAsync(key, failures, cancellation))
                throw new StoreUnavailableException($"reading {key} failed at byte {offset}");
        }
    }

    private async Task<ObjectReading> OpenAsync(long offset, long count, CancellationToken cancellation)
    {
        var opened = await objects.OpenAsync(key, offset, count, ETag, cancellation);
        if (opened?.SizeBytes == count)
        {
            ETag = opened.ETag;
            return opened;
        }

        opened?.Dispose();
        onGone?.Invoke();
        throw new StoreUnavailableException($"{key} is missing or has changed");
    }
}
