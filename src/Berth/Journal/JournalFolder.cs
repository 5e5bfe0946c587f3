using System.Globalization;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Blobs;

namespace Berth.Journal;

/// <summary>A file of the journal.</summary>
/// <param name="Key">Its key in the store.</param>
/// <param name="Number">Its place among the others.</param>
/// <param name="SnapshotFrom">Null, or: with it, the files from this number on hold all that there was.</param>
/// <param name="SizeBytes">Its length, packed.</param>
internal sealed record Segment(string Key, long Number, long? SnapshotFrom, long SizeBytes);

/// <summary>
/// The files of the journal: lines of JSON, packed with gzip.
/// <code>
/// journal/00000000000000000007-1f2e3d4c.jsonl.gz        what has changed
/// journal/00000000000000000009-5b6a7988-from-8.jsonl.gz the end of a snapshot, which began with number 8
/// </code>
/// A file is written once. The random part keeps two nodes from overwriting each other's, should both write.
/// </summary>
internal sealed partial class JournalFolder(StoreFiles files)
{
    private const string Folder = "journal/";

    /// <summary>More than any file has, packed: it is written once it has 8 MiB unpacked.</summary>
    private const int MostBytes = 1 << 30;

    /// <summary>All files, in order.</summary>
    public async Task<List<Segment>> ListAsync(CancellationToken cancellation)
    {
        var segments = new List<Segment>();
        foreach (var file in await files.ListAsync(Folder, cancellation))
        {
            if (KeyPattern().Match(file.Key) is not { Success: true } key
                || !long.TryParse(key.Groups["number"].ValueSpan, CultureInfo.InvariantCulture, out var number))
            {
                continue;
            }

            var hasFrom = long.TryParse(key.Groups["from"].ValueSpan, CultureInfo.InvariantCulture, out var from);
            segments.Add(new Segment(file.Key, number, hasFrom ? from : null, file.SizeBytes));
        }

        return segments;
    }

    /// <summary>Those that say what there is now: the last complete snapshot, and what came after it began.</summary>
    public static List<Segment> Current(IReadOnlyList<Segment> all) =>
        all.LastOrDefault(segment => segment.SnapshotFrom is not null)?.SnapshotFrom is { } from
            ? [.. all.Where(segment => segment.Number >= from)] : [.. all];

    /// <summary>
    /// How many files of the last complete snapshot are missing among the current ones; null if there is no complete
    /// one.
    /// </summary>
    public static long? MissingOf(IReadOnlyList<Segment> current)
    {
        if (current.LastOrDefault(segment => segment.SnapshotFrom is not null) is not { } end) return null;
        var parts = current.Where(segment => segment.Number <= end.Number).Select(segment => segment.Number);
        return end.Number - end.SnapshotFrom + 1 - parts.Distinct().Count();
    }

    /// <summary>Says that files of the snapshot are missing.</summary>
    public static string MissingText(long count) => count == 1
        ? "1 file of the journal's snapshot is missing"
        : $"{count:N0} files of the journal's snapshot are missing";

    public async Task<Segment> WriteAsync(
        long number, long? snapshotFrom, ReadOnlyMemory<byte> packed, CancellationToken cancellation)
    {
        var end = snapshotFrom is { } from ? $"-from-{from}" : "";
        var random = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        var key = $"{Folder}{number:D20}-{random}{end}.jsonl.gz";
        await files.WriteAsync(key, packed, cancellation);
        return new Segment(key, number, snapshotFrom, packed.Length);
    }

    /// <summary>Reads a file line by line. What comes before damage is whole.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or gone.</exception>
    public async IAsyncEnumerable<JournalLine> ReadAsync(
        Segment segment, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var packed = await files.ReadAsync(segment.Key, MostBytes, cancellation)
            ?? throw new InvalidDataException($"{segment.Key} is gone");
        await using var unpacked = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var reader = new StreamReader(unpacked);
        for (var count = 0L; ; count++)
        {
            JournalLine? line;
            try
            {
                var text = await reader.ReadLineAsync(cancellation)
                    ?? throw new InvalidDataException("it is cut off");
                line = JsonSerializer.Deserialize(text, JournalJson.Default.JournalLine)
                    ?? throw new InvalidDataException("it has an empty line");
                if (line.Lines is { } lines && lines != count) throw new InvalidDataException("it lacks lines");
            }
            catch (Exception e) when (e is InvalidDataException or JsonException or EndOfStreamException)
            {
                throw new InvalidDataException($"{segment.Key} is damaged: {e.Message}", e);
            }

            if (line.Lines is not null) yield break;
            yield return line;
        }
    }

    public Task DeleteAsync(Segment segment, CancellationToken cancellation) =>
        files.DeleteAsync(segment.Key, cancellation);

    [GeneratedRegex(@"^journal/(?<number>\d{20})-[0-9a-f]{8}(-from-(?<from>\d{1,20}))?\.jsonl\.gz$")]
    private static partial Regex KeyPattern();
}

/// <summary>Lines on their way into a file.</summary>
internal sealed class SegmentText : IDisposable
{
    /// <summary>How much is gathered, unpacked, before a file is written.</summary>
    private const long FullBytes = 8 << 20;

    private readonly MemoryStream packed = new();
    private readonly GZipStream packing;
    private long lines;

    public SegmentText() => packing = new GZipStream(packed, CompressionLevel.Fastest);

    public long Bytes { get; private set; }

    public bool IsFull => Bytes >= FullBytes;

    public void Add(JournalLine line)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(line, JournalJson.Default.JournalLine);
        packing.Write(json);
        packing.Write("\n"u8);
        Bytes += json.Length + 1;
        lines++;
    }

    /// <summary>All that was added. Nothing can be added any more.</summary>
    public ReadOnlyMemory<byte> Finish()
    {
        Add(new JournalLine { Lines = lines });
        packing.Dispose();
        return packed.ToArray();
    }

    public void Dispose()
    {
        packing.Dispose();
        packed.Dispose();
    }
}
