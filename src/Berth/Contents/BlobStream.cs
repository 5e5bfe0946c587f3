using System.Buffers;
using System.IO.Pipelines;
using Berth.Blobs;

namespace Berth.Contents;

/// <summary>A blob as a stream that is read once, from its beginning, and a little ahead of the reader.</summary>
internal sealed class BlobStream : Stream
{
    private const int AheadBytes = 1 << 20;

    private readonly Pipe pipe = new(new PipeOptions(
        pauseWriterThreshold: AheadBytes, resumeWriterThreshold: AheadBytes / 2, useSynchronizationContext: false));

    private readonly CancellationTokenSource stop = new();
    private readonly Task reading;

    /// <param name="content">The blob, which the caller disposes of after the stream.</param>
    public BlobStream(BlobContent content) => reading = Task.Run(() => ReadAsync(content));

    /// <summary>How much of the blob was taken out of the stream.</summary>
    public long TakenBytes { get; private set; }

    /// <summary>Why the store could not read the blob; null if it could.</summary>
    public Exception? Failure { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => TakenBytes;
        set => throw new NotSupportedException();
    }

    /// <summary>The first bytes, which are read again after that; fewer if there are no more.</summary>
    public async ValueTask<byte[]> PeekAsync(int count, CancellationToken cancellation)
    {
        var read = await pipe.Reader.ReadAtLeastAsync(count, cancellation);
        var first = read.Buffer.Slice(0, Math.Min(count, read.Buffer.Length)).ToArray();
        pipe.Reader.AdvanceTo(read.Buffer.Start);
        return first;
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty) return 0;
        var read = await pipe.Reader.ReadAsync(cancellationToken);
        var part = read.Buffer.Slice(0, Math.Min(buffer.Length, read.Buffer.Length));
        part.CopyTo(buffer.Span);
        var count = (int)part.Length;
        pipe.Reader.AdvanceTo(part.End);
        TakenBytes += count;
        return count;
    }

    public override Task<int> ReadAsync(
        byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await pipe.Reader.CompleteAsync();
        await reading;
        stop.Dispose();
        await base.DisposeAsync();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    private async Task ReadAsync(BlobContent content)
    {
        try
        {
            await content.CopyToAsync(pipe.Writer, 0, content.Length, stop.Token);
            await pipe.Writer.CompleteAsync();
        }
        catch (OperationCanceledException)
        {
            // Nobody wants the rest.
            await pipe.Writer.CompleteAsync();
        }
        catch (Exception e)
        {
            Failure = e;
            await pipe.Writer.CompleteAsync(e);
        }
    }
}
