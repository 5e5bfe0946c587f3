using System.Security.Cryptography;
using Berth.Oci;

namespace Berth.Import;

/// <summary>Reads content that must have a digest, and fails at its end if it has another one.</summary>
internal sealed class HashedStream(Stream inner, Digest digest, Action<int> read) : Stream
{
    private readonly IncrementalHash hash = Digest.StartHash(digest.Algorithm);
    private bool isChecked;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="InvalidDataException">This was the end, and the digest is wrong.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        Take(buffer.Span[..count], buffer.Length);
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count)
    {
        var taken = inner.Read(buffer, offset, count);
        Take(buffer.AsSpan(offset, taken), count);
        return taken;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            hash.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Take(ReadOnlySpan<byte> bytes, int wanted)
    {
        hash.AppendData(bytes);
        read(bytes.Length);
        if (bytes.Length > 0 || wanted == 0 || isChecked) return;
        isChecked = true;
        if (Digest.FromHash(digest.Algorithm, hash.GetHashAndReset()) != digest)
            throw new InvalidDataException($"the content of {digest} is damaged: berth verify says more");
    }
}
