using System.IO.Compression;
using Berth.Settings;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Berth.Contents;

/// <summary>
/// A layer's tar archive, decompressed as its first bytes say, whatever its media type is, and within the limits.
/// </summary>
internal sealed class PlainLayer : IAsyncDisposable
{
    /// <summary>Below this size, a ratio says nothing.</summary>
    private const long FreeBytes = 64 << 20;

    /// <summary>128 MiB: what zstd itself takes unless it is told otherwise.</summary>
    private const int MaxWindowLog = 27;

    private const int MagicBytes = 4;

    private readonly BlobStream source;
    private readonly Stream plain;
    private readonly ContentsSettings limits;

    private PlainLayer(BlobStream source, Stream plain, ContentsSettings limits) =>
        (this.source, this.plain, this.limits) = (source, plain, limits);

    /// <summary>How much was read, decompressed.</summary>
    public long ReadBytes { get; private set; }

    /// <summary>Whether it is compressed in a way that does not tell where the end is.</summary>
    public bool HidesTruncation => plain is GZipStream;

    public static async ValueTask<PlainLayer> OpenAsync(
        BlobStream source, ContentsSettings limits, CancellationToken cancellation)
    {
        var magic = await source.PeekAsync(MagicBytes, cancellation);
        return new PlainLayer(source, Decompress(source, magic), limits);
    }

    /// <summary>Reads on; 0 at the end.</summary>
    /// <exception cref="LayerFaultException">It is damaged, or beyond a limit.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        int count;
        try
        {
            count = await plain.ReadAsync(buffer, cancellation);
        }
        catch (Exception e) when (source.Failure is null && plain != source && e is not OperationCanceledException)
        {
            throw new LayerFaultException($"it can't be decompressed: {e.Message.TrimEnd('.')}");
        }

        ReadBytes += count;
        if (ReadBytes > limits.LayerBytes)
            throw new LayerFaultException($"it has more than {limits.LayerBytes} bytes (contents.layerbytes)");
        if (plain != source && ReadBytes > FreeBytes && ReadBytes / limits.Ratio > source.TakenBytes)
        {
            throw new LayerFaultException(
                $"it is more than {limits.Ratio} times as large when decompressed (contents.ratio)");
        }

        return count;
    }

    public async ValueTask DisposeAsync()
    {
        if (plain != source) await plain.DisposeAsync();
    }

    private static Stream Decompress(BlobStream source, byte[] magic)
    {
        if (magic is [0x1f, 0x8b, ..]) return new GZipStream(source, CompressionMode.Decompress, leaveOpen: true);

        // A frame, or one to be skipped, with which zstd:chunked may begin.
        if (magic is not ([0x28, 0xb5, 0x2f, 0xfd] or [>= 0x50 and <= 0x5f, 0x2a, 0x4d, 0x18])) return source;
        var zstd = new DecompressionStream(source, leaveOpen: true);
        zstd.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, MaxWindowLog);
        return zstd;
    }
}
