using System.IO.Compression;

namespace Berth.Vulnerabilities;

/// <summary>What a file of a source is.</summary>
internal enum DataFormat
{
    /// <summary>A zip file of OSV's records.</summary>
    OsvDump,

    /// <summary>Grype's database, as it is distributed: in a tar file that zstd compressed.</summary>
    GrypeArchive,

    /// <summary>A SQLite file: Grype's database, unpacked.</summary>
    GrypeDatabase,

    /// <summary>Scores of how likely vulnerabilities are to be exploited.</summary>
    Epss,

    /// <summary>A record of OSV, a list of what is known to be exploited, or VEX.</summary>
    Json,
}

/// <summary>Finds out from its content what a file is.</summary>
internal static class DataFormats
{
    /// <summary>Larger than any list of what is known to be exploited, or document about one product.</summary>
    private const int MaxJsonBytes = 64 << 20;

    private const int HeadBytes = 256;

    /// <summary>What a file is, as far as its beginning tells it; null if it is nothing known.</summary>
    public static DataFormat? Of(string path)
    {
        using var file = File.OpenRead(path);
        var head = new byte[HeadBytes];
        var length = file.ReadAtLeast(head, HeadBytes, throwOnEndOfStream: false);
        var begin = head.AsSpan(0, length);
        if (begin.StartsWith("PK\u0003\u0004"u8) || begin.StartsWith("PK\u0005\u0006"u8)) return DataFormat.OsvDump;
        if (begin.StartsWith(ZstdMagic)) return DataFormat.GrypeArchive;
        if (begin.StartsWith("SQLite format 3\0"u8)) return DataFormat.GrypeDatabase;
        if (!begin.StartsWith(GzipMagic)) return OfText(begin);
        file.Position = 0;
        using var plain = new GZipStream(file, CompressionMode.Decompress);
        length = plain.ReadAtLeast(head, HeadBytes, throwOnEndOfStream: false);
        return OfText(head.AsSpan(0, length));
    }

    /// <summary>Reads so much of a file as tells whether it is whole, if that is quickly done.</summary>
    /// <exception cref="InvalidDataException">It is not. Says why.</exception>
    public static void Check(string path, long sizeBytes)
    {
        switch (Of(path))
        {
            case null:
                throw new InvalidDataException("is in no format that is known here");
            case DataFormat.OsvDump:
                OsvZips.Check(path);
                break;
            case DataFormat.Epss:
                using (var text = OpenText(path))
                    foreach (var _ in EpssReader.Read(text, sizeBytes)) continue;
                break;
            case DataFormat.Json:
                using (var json = JsonData.Parse(ReadJson(path))) _ = JsonData.KindOf(json.RootElement);
                break;
            default:
                break;
        }
    }

    /// <summary>Opens a file that may be compressed by gzip.</summary>
    public static Stream OpenText(string path)
    {
        var file = File.OpenRead(path);
        Span<byte> head = stackalloc byte[2];
        var isGzip = file.ReadAtLeast(head, 2, throwOnEndOfStream: false) == 2 && head.SequenceEqual(GzipMagic);
        file.Position = 0;
        return isGzip ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <exception cref="InvalidDataException">It is too large, or not what it seems to be.</exception>
    public static byte[] ReadJson(string path)
    {
        using var text = OpenText(path);
        var bytes = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (text.Read(buffer) is > 0 and var read)
        {
            bytes.Write(buffer, 0, read);
            if (bytes.Length > MaxJsonBytes)
                throw new InvalidDataException($"has more than {MaxJsonBytes} bytes of JSON");
        }

        return bytes.ToArray();
    }

    private static ReadOnlySpan<byte> ZstdMagic => [0x28, 0xb5, 0x2f, 0xfd];

    private static ReadOnlySpan<byte> GzipMagic => [0x1f, 0x8b];

    private static DataFormat? OfText(ReadOnlySpan<byte> begin)
    {
        if (begin.StartsWith("#model_version"u8) || begin.StartsWith("cve,epss,percentile"u8)) return DataFormat.Epss;
        var text = begin.StartsWith("\uFEFF"u8) ? begin[3..] : begin;
        return text.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] ? DataFormat.Json : null;
    }
}
