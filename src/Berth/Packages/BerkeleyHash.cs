using System.Buffers.Binary;
using System.Collections;

namespace Berth.Packages;

/// <summary>
/// The values of a hash of Berkeley DB. Its pages are read one after another, whichever bucket they belong to. A value
/// is in its page, or in a list of pages of its own. Its numbers are in the order of the machine that made it.
/// </summary>
internal sealed class BerkeleyHash
{
    private const uint Magic = 0x00061561;
    private const int MagicOffset = 12;
    private const int MetaBytes = 72;
    private const int PageHeaderBytes = 26;
    private const int MaxBlobBytes = 16 << 20;

    private const byte OldHashPage = 2;
    private const byte HashPage = 13;
    private const byte OverflowPage = 7;
    private const byte InPage = 1;
    private const byte OffPage = 3;
    private const int OffPageBytes = 12;

    private readonly FileBytes file;
    private readonly TakeBlob take;
    private readonly ByteOrder order;
    private readonly int pageBytes;
    private readonly long pages;

    /// <summary>Pages of values: none is of two of them, nor twice in one.</summary>
    private readonly BitArray seen;

    private readonly byte[] overflow;
    private byte[] blob = [];

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public BerkeleyHash(FileBytes file, TakeBlob take)
    {
        (this.file, this.take) = (file, take);
        Span<byte> meta = stackalloc byte[MetaBytes];
        file.Read(0, meta);
        order = new ByteOrder(BinaryPrimitives.ReadUInt32BigEndian(meta[MagicOffset..]) == Magic);
        var size = order.Int32(meta, 20);
        if (size is < 512 or > 65536 || !uint.IsPow2(size)) throw new InvalidDataException();
        pageBytes = (int)size;
        pages = Math.Min((long)order.Int32(meta, 32) + 1, file.Length / pageBytes);
        seen = new BitArray((int)pages);
        overflow = new byte[pageBytes];
    }

    public static bool IsHash(ReadOnlySpan<byte> beginning) =>
        BinaryPrimitives.ReadUInt32LittleEndian(beginning[MagicOffset..]) == Magic
        || BinaryPrimitives.ReadUInt32BigEndian(beginning[MagicOffset..]) == Magic;

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public void Read()
    {
        var page = new byte[pageBytes];
        for (var number = 1L; number < pages; number++)
        {
            file.Read(number * pageBytes, page);
            if (page[25] is HashPage or OldHashPage) ReadPage(page);
        }

        // More pages are said to be there than are: the file was cut off.
        Span<byte> meta = stackalloc byte[MetaBytes];
        file.Read(0, meta);
        if (order.Int32(meta, 32) >= pages) throw new EndOfStreamException();
    }

    /// <summary>Keys and values by turns, the first at the end of the page. None overlaps another.</summary>
    private void ReadPage(ReadOnlySpan<byte> page)
    {
        int items = order.Int16(page, 20);
        if (PageHeaderBytes + (items * sizeof(ushort)) > page.Length) throw new InvalidDataException();
        var last = page.Length;
        for (var i = 1; i < items; i += 2)
        {
            int start = order.Int16(page, PageHeaderBytes + (i * sizeof(ushort)));
            int end = order.Int16(page, PageHeaderBytes + ((i - 1) * sizeof(ushort)));
            if (start < PageHeaderBytes || end <= start || end >= last) throw new InvalidDataException();
            last = start;
            var value = page[start..end];
            if (value[0] == OffPage) ReadOffPage(value);
            // The value of one key, which is no package, is the last number of a package.
            else if (value[0] == InPage && value.Length > 1 + sizeof(uint)) take(value[1..]);
        }
    }

    private void ReadOffPage(ReadOnlySpan<byte> value)
    {
        if (value.Length < OffPageBytes) throw new InvalidDataException();
        var (number, length) = (order.Int32(value, 4), order.Int32(value, 8));
        if (length is 0 or > MaxBlobBytes || length > file.Length) throw new InvalidDataException();
        if (blob.Length < length) blob = new byte[length];
        for (var count = 0; count < length;)
        {
            if (number == 0 || number >= pages || seen[(int)number]) throw new InvalidDataException();
            seen[(int)number] = true;
            file.Read((long)number * pageBytes, overflow);
            int part = order.Int16(overflow, 22);
            if (overflow[25] != OverflowPage || part == 0 || part > pageBytes - PageHeaderBytes
                || part > length - count)
            {
                throw new InvalidDataException();
            }

            overflow.AsSpan(PageHeaderBytes, part).CopyTo(blob.AsSpan(count));
            count += part;
            number = order.Int32(overflow, 16);
        }

        take(blob.AsSpan(0, (int)length));
    }
}
