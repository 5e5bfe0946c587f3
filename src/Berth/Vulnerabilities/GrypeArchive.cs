using System.Formats.Tar;
using ZstdSharp;

namespace Berth.Vulnerabilities;

/// <summary>Grype's database as it is distributed: a tar file that zstd compressed, with a SQLite file in it.</summary>
internal static class GrypeArchive
{
    private const string Name = "vulnerability.db";
    private const int MaxEntries = 100;

    /// <summary>Unpacks the database.</summary>
    /// <exception cref="InvalidDataException">There is none in it, or one that is too large.</exception>
    public static async Task UnpackAsync(string path, string target, long sizeBytes, CancellationToken stop)
    {
        try
        {
            await using var file = File.OpenRead(path);
            await using var plain = new DecompressionStream(file);
            await using var tar = new TarReader(plain);
            for (var count = 0; count < MaxEntries; count++)
            {
                if (await tar.GetNextEntryAsync(copyData: false, stop) is not { } entry) break;
                if (Path.GetFileName(entry.Name) != Name || entry.DataStream is not { } content) continue;
                await CopyAsync(content, target, sizeBytes, stop);
                return;
            }
        }
        catch (Exception e) when (e is ZstdException or FormatException or EndOfStreamException)
        {
            throw new InvalidDataException($"is no archive of Grype's database, or damaged ({e.Message})", e);
        }

        throw new InvalidDataException($"has no {Name} in it");
    }

    private static async Task CopyAsync(Stream content, string target, long sizeBytes, CancellationToken stop)
    {
        await using var unpacked = new FileStream(target, FileMode.Create, FileAccess.Write, FileShare.None);
        var buffer = new byte[1 << 20];
        var left = sizeBytes;
        while (await content.ReadAsync(buffer, stop) is > 0 and var read)
        {
            left -= read;
            if (left < 0) throw new InvalidDataException($"has a {Name} with more than {sizeBytes} bytes");
            await unpacked.WriteAsync(buffer.AsMemory(0, read), stop);
        }
    }
}
