using System.Buffers;
using System.IO.Pipelines;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>A blob in a store: read piece by piece, and gone on with where the connection breaks.</summary>
/// <param name="objects">Where it lies.</param>
/// <param name="key">Under what.</param>
/// <param name="length">Its length in bytes.</param>
/// <param name="onGone">Called when it turns out not to be there.</param>
internal sealed class ObjectBlobContent(ObjectStore objects, string key, long length, Action? onGone = null)
    : BlobContent
{
    private const int ChunkBytes = 256 * 1024;

    public override long Length => length;

    /// <summary>The entity tag of what was read; null before.</summary>
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

    /// <summary>Reads the whole into a buffer that has room for it.</summary>
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

    public override void Dispose()
    {
    }

    /// <summary>
    /// What a connection brought before it broke counts; another one goes on behind it, as long as each brings some.
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
            if (count > 0 && !await objects.WaitToReadOnAsync(key, failures, cancellation))
                throw new StoreUnavailableException($"reading {key} breaks off at byte {offset}");
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
        throw new StoreUnavailableException($"{key} is not what it was");
    }
}
