using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace Berth.Vulnerabilities;

/// <summary>
/// Reads the dumps that OSV publishes, a zip file for each ecosystem with a record in each entry. They may have been
/// brought by hand, or have been damaged on their way.
/// </summary>
/// <param name="source">A zip file, or a folder of them.</param>
internal sealed class OsvZips(string source)
{
    /// <summary>The dump of everything has some 700,000 records in 2026, and the largest zip file 2 GiB.</summary>
    private const int MaxEntries = 4_000_000;
    private const long MaxZipBytes = 16L << 30;
    private const long MaxBytes = 256L << 30;
    private const int MaxFaults = 20;

    private readonly List<string> faults = [];

    /// <summary>What could not be read, and why: the first twenty.</summary>
    public IReadOnlyList<string> Faults => faults;

    /// <summary>How many could not be read.</summary>
    public int FaultCount { get; private set; }

    /// <summary>The records of all zip files, in the order of the files' names. What can't be read is left out.
    /// </summary>
    /// <exception cref="InvalidDataException">A file is no zip file, or too large.</exception>
    public async IAsyncEnumerable<OsvRecord> ReadAsync([EnumeratorCancellation] CancellationToken stop)
    {
        var buffer = new byte[OsvReader.MaxBytes + 1];
        var left = MaxBytes;
        foreach (var path in Files())
        {
            if (new FileInfo(path).Length > MaxZipBytes) throw TooLarge(path);
            await using var zip = await OpenAsync(path, stop);
            foreach (var entry in zip.Entries)
            {
                if (!entry.Name.EndsWith(".json", StringComparison.Ordinal)) continue;
                var (record, bytes) = await ReadAsync(path, entry, buffer, stop);
                left -= bytes;
                if (left < 0) throw TooLarge(path);
                if (record is not null) yield return record;
            }
        }
    }

    /// <summary>Reads the list of what is in a zip file, which is at its end.</summary>
    /// <exception cref="InvalidDataException">It is not whole.</exception>
    public static void Check(string path)
    {
        try
        {
            using var zip = ZipFile.OpenRead(path);
            if (zip.Entries.Count > MaxEntries) throw new InvalidDataException("It has too many entries.");
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"is not a zip file ({e.Message})", e);
        }
    }

    private IEnumerable<string> Files() => File.Exists(source)
        ? [source]
        : Directory.EnumerateFiles(source, "*.zip").Order(StringComparer.Ordinal);

    private static async Task<ZipArchive> OpenAsync(string path, CancellationToken stop)
    {
        ZipArchive? zip = null;
        try
        {
            zip = await ZipFile.OpenReadAsync(path, stop);
            if (zip.Entries.Count > MaxEntries) throw TooLarge(path);
            return zip;
        }
        catch (InvalidDataException e)
        {
            if (zip is not null) await zip.DisposeAsync();
            throw new InvalidDataException($"{path} is not a zip file: {e.Message}", e);
        }
    }

    private static InvalidDataException TooLarge(string path) => new($"{path} is larger than OSV's dumps are.");

    /// <summary>The record of an entry, null if it is none, and how much was unpacked for it. Its stated size may be
    /// wrong, so it is read until there is one byte too many.</summary>
    private async Task<(OsvRecord? Record, int Bytes)> ReadAsync(
        string path, ZipArchiveEntry entry, byte[] buffer, CancellationToken stop)
    {
        var bytes = 0;
        try
        {
            await using var content = await entry.OpenAsync(stop);
            bytes = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, stop);
            return (OsvReader.Read(buffer.AsMemory(0, bytes)), bytes);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            FaultCount++;
            if (faults.Count < MaxFaults) faults.Add($"{Path.GetFileName(path)}: {entry.FullName}: {e.Message}");
            return (null, bytes);
        }
    }
}
