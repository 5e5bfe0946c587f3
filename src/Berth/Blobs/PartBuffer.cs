using System.Buffers;

namespace Berth.Blobs;

/// <summary>
/// Bytes gathered for the next part, in blocks of 1 MiB as they arrive. The first <see cref="FreeBytes"/> need no <see
/// cref="Reservation"/>, so that small blobs never wait for memory.
/// </summary>
internal sealed class PartBuffer : IDisposable
{
    /// <summary>Enough for most configs and signatures; 1000 uploads (limits.concurrentuploads) make 64 MiB.</summary>
    public const int FreeBytes = 64 * 1024;

    private const int BlockBytes = 1 << 20;

    private readonly List<byte[]> blocks = [];
    private int used;

    public long Length { get; private set; }

    /// <summary>The memory reserved for it, released with the buffer.</summary>
    public IDisposable? Reservation { get; set; }

    public void Append(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            var room = Room(data.Length);
            var count = Math.Min(room.Length, data.Length);
            data[..count].CopyTo(room.Span);
            Advance(count);
            data = data[count..];
        }
    }

    /// <summary>Memory to write the next bytes into, at least one and at most as many as wanted.</summary>
    public Memory<byte> Room(long wanted)
    {
        if (blocks.Count == 0 || used == blocks[^1].Length)
        {
            blocks.Add(ArrayPool<byte>.Shared.Rent(Reservation is null ? FreeBytes : BlockBytes));
            used = 0;
        }

        var room = blocks[^1].AsMemory(used);
        return wanted < room.Length ? room[..(int)wanted] : room;
    }

    public void Advance(int count)
    {
        used += count;
        Length += count;
    }

    /// <summary>The content from its start, for one reader.</summary>
    public Stream OpenRead() => new Reader(blocks, Length);

    /// <summary>The content, piece by piece.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Pieces()
    {
        var left = Length;
        foreach (var block in blocks)
        {
            var count = (int)Math.Min(left, block.Length);
            left -= count;
            yield return block.AsMemory(0, count);
        }
    }

    public void Dispose()
    {
        foreach (var block in blocks) ArrayPool<byte>.Shared.Return(block);
        blocks.Clear();
        Length = 0;
        Reservation?.Dispose();
        Reservation = null;
    }

    /// <summary>A stream over blocks of different lengths; the last one may be partly filled.</summary>
    private sealed class Reader(List<byte[]> blocks, long length) : Stream
    {
        private long position;

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position
        {
            get => position;
            set => position = value;
        }

        public override int Read(Span<byte> buffer)
        {
            var read = 0;
            while (read < buffer.Length && position < length)
            {
                var piece = Piece();
                var count = Math.Min(piece.Length, buffer.Length - read);
                piece[..count].CopyTo(buffer[read..]);
                read += count;
                position += count;
            }

            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span));

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Task.FromResult(Read(buffer, offset, count));

        public override long Seek(long offset, SeekOrigin origin) => position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => position + offset,
            _ => length + offset,
        };

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private ReadOnlySpan<byte> Piece()
        {
            var start = 0L;
            foreach (var block in blocks)
            {
                var end = Math.Min(length, start + block.Length);
                if (position < end) return block.AsSpan((int)(position - start), (int)(end - position));
                start += block.Length;
            }

            return [];
        }
    }
}
