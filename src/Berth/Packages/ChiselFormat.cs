using System.Text.Json;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Berth.Packages;

/// <summary>
/// The packages of Ubuntu of which Chisel cut slices: a file that zstd compressed, with an object of JSON in each line
/// ("jsonwall"). The first one says how many there are. It does not say what packages were built from.
/// </summary>
internal sealed class ChiselFormat : PackageFormat
{
    /// <summary>As large as a status file of dpkg may be; the lists of images have a few hundred kilobytes.</summary>
    private const int MaxPlainBytes = 32 << 20;

    /// <summary>8 MiB, which is what decoders have to take (RFC 8878, 3.1.1.1.2).</summary>
    private const int MaxWindowLog = 23;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        try
        {
            using var plain = new DecompressionStream(content, leaveOpen: true);
            plain.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, MaxWindowLog);
            using var limited = new LimitedStream(plain, MaxPlainBytes);
            ReadLines(limited, found);
        }
        catch (Exception e) when (e is ZstdException or JsonException)
        {
            throw new PackageFaultException("it is no list of Chisel, or damaged");
        }
    }

    protected override bool Reads(string path) => path == "var/lib/chisel/manifest.wall";

    private static void ReadLines(Stream content, PackageFindings found)
    {
        var (count, lines) = (-1L, 0L);
        foreach (var line in PackageFields.LinesOf(content))
        {
            found.ThrowIfCancelled();
            if (line.Length == 0) continue;
            lines++;
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new JsonException();
            if (count < 0)
            {
                if (!root.TryGetProperty("jsonwall", out _) || !root.TryGetProperty("count", out var said)
                    || said.ValueKind != JsonValueKind.Number || !said.TryGetInt64(out count) || count < 0)
                {
                    throw new JsonException();
                }

                continue;
            }

            var kind = TextOf(root, "kind");
            if (kind == "package" && PackageOf(root) is { } package) found.Add(package);
            else if (kind == "path" && TextOf(root, "path") is { } file) found.AddOwned(file);
        }

        if (lines != count) throw new PackageFaultException("it is not whole");
    }

    private static Package? PackageOf(JsonElement json) =>
        PackageFields.Make("deb", TextOf(json, "name"), TextOf(json, "version")) is { } package
            ? package with { Architecture = PackageFields.Taken(TextOf(json, "arch")), LacksSource = true } : null;

    private static string? TextOf(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? JsonTexts.Read(value) : null;

    /// <summary>Gives up where more comes than may be.</summary>
    private sealed class LimitedStream(Stream inner, long left) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var count = inner.Read(buffer);
            left -= count;
            return left >= 0 ? count
                : throw new PackageFaultException($"it has more than {MaxPlainBytes} bytes when decompressed");
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
