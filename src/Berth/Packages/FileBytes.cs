namespace Berth.Packages;

/// <summary>A file, or a part of one, that is read in any order. Whoever asks for more than there is has believed a
/// damaged file, which is why that is an error of its own and never a shorter answer.</summary>
internal sealed class FileBytes
{
    private readonly Stream content;
    private readonly long start;

    public FileBytes(Stream content)
        : this(content, 0, content.Length)
    {
    }

    private FileBytes(Stream content, long start, long length) =>
        (this.content, this.start, Length) = (content, start, length);

    public long Length { get; }

    public bool Has(long offset, long count) =>
        offset >= 0 && count >= 0 && offset <= Length && count <= Length - offset;

    /// <exception cref="InvalidDataException">It has no such part.</exception>
    public void Read(long offset, Span<byte> bytes)
    {
        Check(offset, bytes.Length);
        content.Position = start + offset;
        content.ReadExactly(bytes);
    }

    /// <summary>Takes the memory only when it is sure that the file has so much.</summary>
    /// <exception cref="InvalidDataException">It has no such part, or that is larger than it may be.</exception>
    public byte[] Read(long offset, long count, int most)
    {
        if (count > most) throw new InvalidDataException();
        Check(offset, count);
        var bytes = new byte[count];
        Read(offset, bytes);
        return bytes;
    }

    /// <summary>Reads what there is, which may be less.</summary>
    public ReadOnlySpan<byte> ReadSome(long offset, Span<byte> bytes)
    {
        var count = offset < 0 || offset >= Length ? 0 : (int)Math.Min(bytes.Length, Length - offset);
        if (count == 0) return default;
        Read(offset, bytes[..count]);
        return bytes[..count];
    }

    /// <exception cref="InvalidDataException">It has no such part.</exception>
    public FileBytes Slice(long offset, long count)
    {
        Check(offset, count);
        return new FileBytes(content, start + offset, count);
    }

    /// <summary>All of it, from the beginning. Other parts may be read in between.</summary>
    public Stream Open() => new Sequence(this);

    private void Check(long offset, long count)
    {
        if (!Has(offset, count)) throw new InvalidDataException();
    }

    private sealed class Sequence(FileBytes bytes) : Stream
    {
        private long position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => bytes.Length;

        public override long Position
        {
            get => position;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var count = bytes.ReadSome(position, buffer).Length;
            position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
