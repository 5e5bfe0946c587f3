using System.IO.Compression;

namespace Berth.HarborAdapter;

/// <summary>Takes a report piece by piece, compresses it, and stops where it gets too large.</summary>
internal sealed class ReportStream(long maxBytes) : Stream
{
    private readonly MemoryStream compressed = new();
    private ZLibStream? output;
    private long written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => written;

    public override long Position
    {
        get => written;
        set => throw new NotSupportedException();
    }

    /// <summary>Reads what <see cref="Finish"/> returned.</summary>
    public static Stream Read(byte[] report) =>
        new ZLibStream(new MemoryStream(report), CompressionMode.Decompress);

    /// <summary>The whole report. Nothing is added after that.</summary>
    public byte[] Finish()
    {
        output?.Dispose();
        return compressed.ToArray();
    }

    /// <exception cref="ScanFaultException">It is too large.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        written += buffer.Length;
        if (written > maxBytes)
        {
            throw new ScanFaultException(
                $"the report has more than {maxBytes} bytes (scanneradapter.reportbytes of the scanner)");
        }

        output ??= new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true);
        output.Write(buffer);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            output?.Dispose();
            compressed.Dispose();
        }

        base.Dispose(disposing);
    }
}
