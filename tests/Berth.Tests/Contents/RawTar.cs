using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using ZstdSharp;

namespace Berth.Tests.Contents;

/// <summary>A tar archive made block by block, so that it can be wrong in any way.</summary>
internal sealed class RawTar
{
    private readonly List<byte> bytes = [];

    public static byte[] Gzip(byte[] plain)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize)) gzip.Write(plain);
        return compressed.ToArray();
    }

    public static byte[] Zstd(byte[] plain)
    {
        using var zstd = new Compressor();
        return zstd.Wrap(plain).ToArray();
    }

    public RawTar File(string name, string content, char type = '0', string link = "", int mode = 0x1a4) =>
        Entry(name, Encoding.UTF8.GetBytes(content), type, link, mode);

    public RawTar Folder(string name, int mode = 0x1ed) => Entry(name, [], '5', "", mode);

    public RawTar Entry(string name, byte[] content, char type = '0', string link = "", int mode = 0x1a4) =>
        Header(name, content.Length, type, link, mode).Content(content);

    /// <summary>An extended header.</summary>
    public RawTar Pax(params (string Key, string Value)[] records)
    {
        var text = new StringBuilder();
        foreach (var (key, value) in records)
        {
            var rest = Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value) + 3;
            var length = rest + rest.ToString(CultureInfo.InvariantCulture).Length;
            if (length.ToString(CultureInfo.InvariantCulture).Length + rest != length) length++;
            text.Append(CultureInfo.InvariantCulture, $"{length} {key}={value}\n");
        }

        return File("pax", text.ToString(), 'x');
    }

    /// <summary>A header alone.</summary>
    public RawTar Header(
        string name, long size, char type = '0', string link = "", int mode = 0x1a4, string? rawSize = null)
    {
        var block = new byte[512];
        Encoding.UTF8.GetBytes(name).AsSpan(0, Math.Min(100, Encoding.UTF8.GetByteCount(name))).CopyTo(block);
        Octal(block, 100, 8, mode);
        Octal(block, 108, 8, 0);
        Octal(block, 116, 8, 0);
        if (rawSize is not null) Encoding.Latin1.GetBytes(rawSize).CopyTo(block, 124);
        else if (size is >= 0 and < 1L << 33) Octal(block, 124, 12, size);

        if (rawSize is null && size is < 0 or >= 1L << 33)
        {
            BinaryPrimitives.WriteInt64BigEndian(block.AsSpan(128), size);
            block.AsSpan(124, 4).Fill(size < 0 ? (byte)0xff : (byte)0);
            block[124] |= 0x80;
        }

        Octal(block, 136, 12, 1_700_000_000);
        block[156] = (byte)type;
        Encoding.UTF8.GetBytes(link).CopyTo(block, 157);
        Encoding.ASCII.GetBytes("ustar\0" + "00").CopyTo(block, 257);
        block.AsSpan(148, 8).Fill((byte)' ');
        Octal(block, 148, 7, block.Sum(value => (long)value));
        bytes.AddRange(block);
        return this;
    }

    public RawTar Content(byte[] content)
    {
        bytes.AddRange(content);
        bytes.AddRange(new byte[(512 - (content.Length % 512)) % 512]);
        return this;
    }

    /// <summary>So far, without an end.</summary>
    public byte[] Cut() => [.. bytes];

    public byte[] End()
    {
        bytes.AddRange(new byte[1024]);
        return [.. bytes];
    }

    private static void Octal(byte[] block, int offset, int width, long value) =>
        Encoding.ASCII.GetBytes(Convert.ToString(value, 8).PadLeft(width - 1, '0')).CopyTo(block, offset);
}
