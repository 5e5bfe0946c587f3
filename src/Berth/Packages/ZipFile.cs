using System.Buffers.Binary;
using System.IO.Compression;

namespace Berth.Packages;

/// <summary>A file in a zip archive.</summary>
/// <param name="Name">Its path there.</param>
/// <param name="Method">How it is packed.</param>
/// <param name="PackedBytes">How long it is in the archive.</param>
/// <param name="SizeBytes">How long it is.</param>
/// <param name="HeaderOffset">Where its own header is.</param>
internal readonly record struct ZipEntry(string Name, int Method, long PackedBytes, long SizeBytes, long HeaderOffset);

/// <summary>
/// A zip archive (APPNOTE.TXT). The platform's own reader keeps all entries in memory, of which a hostile archive has
/// millions; this one gives them one after another, and only those whose names are asked for.
/// </summary>
internal sealed class ZipFile
{
    private const int EndBytes = 22;
    private const int LongEndBytes = 56;
    private const int LocatorBytes = 20;
    private const int EntryBytes = 46;
    private const int LocalBytes = 30;

    private const uint EndMark = 0x06054b50;
    private const uint LongEndMark = 0x06064b50;
    private const uint LocatorMark = 0x07064b50;
    private const uint EntryMark = 0x02014b50;
    private const uint LocalMark = 0x04034b50;

    private const int Stored = 0;
    private const int Deflated = 8;

    private readonly FileBytes file;
    private readonly long directory;
    private readonly long directoryEnd;

    /// <summary>What is before the archive: a script that starts it.</summary>
    private readonly long start;

    /// <exception cref="InvalidDataException">It is none.</exception>
    public ZipFile(FileBytes file)
    {
        this.file = file;
        var end = FindEnd();
        Span<byte> record = stackalloc byte[EndBytes];
        file.Read(end, record);
        long bytes = BinaryPrimitives.ReadUInt32LittleEndian(record[12..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(record[16..]);
        directoryEnd = end;
        if ((bytes == uint.MaxValue || offset == uint.MaxValue) && FindLongEnd(end) is { } longEnd)
        {
            Span<byte> longRecord = stackalloc byte[LongEndBytes];
            file.Read(longEnd, longRecord);
            bytes = BinaryPrimitives.ReadInt64LittleEndian(longRecord[40..]);
            offset = BinaryPrimitives.ReadInt64LittleEndian(longRecord[48..]);
            directoryEnd = longEnd;
        }

        if (bytes < 0 || offset < 0 || bytes > directoryEnd || offset > directoryEnd - bytes)
            throw new InvalidDataException();
        directory = directoryEnd - bytes;
        start = directory - offset;
    }

    /// <summary>The entries that are asked for, in their order.</summary>
    /// <param name="isWanted">Which, by their names.</param>
    /// <param name="count">Is told of each entry, wanted or not.</param>
    /// <exception cref="InvalidDataException">The list of entries is damaged.</exception>
    public IEnumerable<ZipEntry> Entries(Func<ReadOnlySpan<byte>, bool> isWanted, Action count)
    {
        for (var at = directory; at + EntryBytes <= directoryEnd;)
        {
            count();
            at += ReadEntry(at, isWanted, out var entry);
            if (entry is { } wanted) yield return wanted;
        }
    }

    /// <summary>The bytes of an entry as they are in the archive.</summary>
    /// <exception cref="InvalidDataException">They are not there.</exception>
    public FileBytes Packed(ZipEntry entry)
    {
        Span<byte> header = stackalloc byte[LocalBytes];
        file.Read(start + entry.HeaderOffset, header);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalMark) throw new InvalidDataException();
        var names = BinaryPrimitives.ReadUInt16LittleEndian(header[26..])
            + BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        return file.Slice(start + entry.HeaderOffset + LocalBytes + names, entry.PackedBytes);
    }

    public static bool IsStored(ZipEntry entry) => entry.Method == Stored && entry.PackedBytes == entry.SizeBytes;

    /// <summary>The content of an entry, which may turn out to be longer than it says.</summary>
    /// <exception cref="InvalidDataException">It is packed in a way that Java can't read.</exception>
    public Stream Open(ZipEntry entry) => entry.Method switch
    {
        Stored => Packed(entry).Open(),
        Deflated => new DeflateStream(Packed(entry).Open(), CompressionMode.Decompress),
        _ => throw new InvalidDataException(),
    };

    /// <summary>Returns how long its record is.</summary>
    private int ReadEntry(long at, Func<ReadOnlySpan<byte>, bool> isWanted, out ZipEntry? entry)
    {
        Span<byte> record = stackalloc byte[EntryBytes];
        file.Read(at, record);
        if (BinaryPrimitives.ReadUInt32LittleEndian(record) != EntryMark) throw new InvalidDataException();
        int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(record[28..]);
        int extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(record[30..]);
        var length = EntryBytes + nameBytes + extraBytes + BinaryPrimitives.ReadUInt16LittleEndian(record[32..]);
        entry = null;
        // Longer names are of nothing that is asked for.
        if (nameBytes > PackageFields.MaxChars) return length;
        Span<byte> name = stackalloc byte[nameBytes];
        file.Read(at + EntryBytes, name);
        if (!isWanted(name)) return length;
        var extra = file.Read(at + EntryBytes + nameBytes, extraBytes, ushort.MaxValue);
        entry = WithLongSizes(extra, new ZipEntry(
            System.Text.Encoding.UTF8.GetString(name),
            BinaryPrimitives.ReadUInt16LittleEndian(record[10..]),
            BinaryPrimitives.ReadUInt32LittleEndian(record[20..]),
            BinaryPrimitives.ReadUInt32LittleEndian(record[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(record[42..])));
        return length;
    }

    /// <summary>Numbers that have no place in the record are in a field behind it, in this order.</summary>
    private static ZipEntry WithLongSizes(ReadOnlySpan<byte> extra, ZipEntry entry)
    {
        while (extra.Length >= 4)
        {
            var (id, length) = (
                BinaryPrimitives.ReadUInt16LittleEndian(extra), BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]));
            if (length > extra.Length - 4) break;
            var field = extra.Slice(4, length);
            extra = extra[(4 + length)..];
            if (id != 1) continue;
            if (entry.SizeBytes == uint.MaxValue) entry = entry with { SizeBytes = Next(ref field) };
            if (entry.PackedBytes == uint.MaxValue) entry = entry with { PackedBytes = Next(ref field) };
            if (entry.HeaderOffset == uint.MaxValue) entry = entry with { HeaderOffset = Next(ref field) };
            break;
        }

        return entry;
    }

    private static long Next(ref ReadOnlySpan<byte> field)
    {
        if (field.Length < sizeof(long)) throw new InvalidDataException();
        var number = BinaryPrimitives.ReadInt64LittleEndian(field);
        field = field[sizeof(long)..];
        // Of all files, none is longer; and sums of some of them don't overflow.
        return number is >= 0 and <= long.MaxValue / 4 ? number : throw new InvalidDataException();
    }

    /// <summary>The record at the end, before a comment.</summary>
    private long FindEnd()
    {
        var count = (int)Math.Min(file.Length, EndBytes + ushort.MaxValue);
        var tail = file.Read(file.Length - count, count, EndBytes + ushort.MaxValue);
        Span<byte> mark = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(mark, EndMark);
        for (var at = tail.AsSpan().LastIndexOf(mark); at >= 0; at = tail.AsSpan(0, at).LastIndexOf(mark))
        {
            if (at + EndBytes <= tail.Length
                && at + EndBytes + BinaryPrimitives.ReadUInt16LittleEndian(tail.AsSpan(at + 20)) <= tail.Length)
            {
                return file.Length - count + at;
            }
        }

        throw new InvalidDataException();
    }

    private long? FindLongEnd(long end)
    {
        Span<byte> locator = stackalloc byte[LocatorBytes];
        if (end < LocatorBytes) return null;
        file.Read(end - LocatorBytes, locator);
        if (BinaryPrimitives.ReadUInt32LittleEndian(locator) != LocatorMark) return null;
        // It says where, but not what is before the archive: without extensions, which nobody uses, it is just before.
        var at = end - LocatorBytes - LongEndBytes;
        Span<byte> mark = stackalloc byte[sizeof(uint)];
        if (at < 0) return null;
        file.Read(at, mark);
        return BinaryPrimitives.ReadUInt32LittleEndian(mark) == LongEndMark ? at : throw new InvalidDataException();
    }
}
