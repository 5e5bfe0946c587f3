using Microsoft.Win32.SafeHandles;

namespace Berth.Import;

/// <summary>A part of a file, to be read once from its beginning to its end.</summary>
internal sealed class FileSlice(string path, long offset, long length) : Stream
{
    private readonly SafeFileHandle file = File.OpenHandle(
        path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous);

    private long position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        var wanted = (int)Math.Min(buffer.Length, length - position);
        var count = RandomAccess.Read(file, buffer[..wanted], offset + position);
        return Advance(count, buffer.Length);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await RandomAccess.ReadAsync(
            file, buffer[..(int)Math.Min(buffer.Length, length - position)], offset + position, cancellationToken);
        return Advance(count, buffer.Length);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) file.Dispose();
        base.Dispose(disposing);
    }

    private int Advance(int count, int wanted)
    {
        if (count == 0 && wanted > 0 && position < length)
            throw new EndOfStreamException($"{path} is cut off: it should go on after byte {offset + position}");
        position += count;
        return count;
    }
}
