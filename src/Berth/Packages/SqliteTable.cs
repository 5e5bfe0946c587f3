using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace Berth.Packages;

/// <summary>
/// The rows of a table of an SQLite database that somebody unknown has made, which is why SQLite itself does not open
/// it. A page is read once: pages that are in two places at once, or in themselves, are damage. So the work is bounded
/// by the file's length (sqlite.org/fileformat2.html).
/// </summary>
internal sealed class SqliteTable
{
    private const int HeaderBytes = 100;
    private const int MaxSchemaBytes = 1 << 20;
    private const int MaxPayloadBytes = 16 << 20;

    private const byte InteriorPage = 5;
    private const byte LeafPage = 13;

    private readonly FileBytes file;
    private readonly int pageBytes;
    private readonly int usableBytes;
    private readonly BitArray seen;
    private readonly byte[] page;
    private readonly byte[] overflow;
    private byte[] payload = [];
    private long payloadBytes;

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public SqliteTable(FileBytes file)
    {
        this.file = file;
        Span<byte> header = stackalloc byte[HeaderBytes];
        file.Read(0, header);
        int size = BinaryPrimitives.ReadUInt16BigEndian(header[16..]);
        pageBytes = size == 1 ? 65536 : size;
        usableBytes = pageBytes - header[20];
        if (pageBytes < 512 || !int.IsPow2(pageBytes) || usableBytes < 480) throw new InvalidDataException();
        seen = new BitArray((int)(file.Length / pageBytes) + 1);
        (page, overflow) = (new byte[pageBytes], new byte[pageBytes]);
        // Names of tables in UTF-16 would not be found.
        if (BinaryPrimitives.ReadUInt32BigEndian(header[56..]) > 1)
            throw new PackageFaultException("its texts are in UTF-16");
    }

    public static bool IsSqlite(ReadOnlySpan<byte> beginning) => beginning.StartsWith("SQLite format 3\0"u8);

    /// <summary>Gives a column of each row to <paramref name="take"/>. False if there is no such table.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public bool Read(string table, int column, TakeBlob take)
    {
        var root = 0u;
        var name = Encoding.UTF8.GetBytes(table);
        Walk(1, MaxSchemaBytes, row =>
        {
            // type, name, tbl_name, rootpage, sql
            if (ColumnOf(row, 0).SequenceEqual("table"u8) && ColumnOf(row, 1).SequenceEqual(name))
                root = NumberOf(ColumnOf(row, 3));
        });
        if (root == 0) return false;
        Walk(root, MaxPayloadBytes, row =>
        {
            if (ColumnOf(row, column) is { IsEmpty: false } value) take(value);
        });
        return true;
    }

    /// <summary>All leaves below a page. What is still to be read is at most all pages.</summary>
    private void Walk(uint root, int maxPayloadBytes, TakeBlob take)
    {
        var waiting = new Stack<uint>();
        Visit(root);
        waiting.Push(root);
        while (waiting.TryPop(out var number))
        {
            ReadPage(number, page);
            var start = number == 1 ? HeaderBytes : 0;
            int cells = BinaryPrimitives.ReadUInt16BigEndian(page.AsSpan(start + 3));
            if (page[start] == InteriorPage) AddChildren(waiting, start, cells);
            else if (page[start] == LeafPage) ReadCells(start, cells, maxPayloadBytes, take);
            else throw new InvalidDataException();
        }
    }

    private void AddChildren(Stack<uint> waiting, int start, int cells)
    {
        // The first goes on last, so that it is read first.
        Add(BinaryPrimitives.ReadUInt32BigEndian(page.AsSpan(start + 8)));
        for (var i = cells - 1; i >= 0; i--)
        {
            var cell = CellAt(start + 12, i);
            if (cell > usableBytes - sizeof(uint)) throw new InvalidDataException();
            Add(BinaryPrimitives.ReadUInt32BigEndian(page.AsSpan(cell)));
        }

        void Add(uint child)
        {
            Visit(child);
            waiting.Push(child);
        }
    }

    private void ReadCells(int start, int cells, int maxPayloadBytes, TakeBlob take)
    {
        for (var i = 0; i < cells; i++)
        {
            var cell = CellAt(start + 8, i);
            if (cell >= usableBytes) throw new InvalidDataException();
            var rest = (ReadOnlySpan<byte>)page.AsSpan(cell, usableBytes - cell);
            var length = ReadVariable(ref rest);
            ReadVariable(ref rest);
            // Cells of one page may overlap in a file that lies; all payloads of one that doesn't are in it once.
            if (length > (ulong)maxPayloadBytes || (payloadBytes += (long)length) > file.Length)
                throw new InvalidDataException();
            if (payload.Length < (int)length) payload = new byte[length];
            ReadPayload(rest, (int)length);
            take(payload.AsSpan(0, (int)length));
        }
    }

    /// <summary>What does not fit into the page goes on in others, each of which begins with the number of the next.
    /// </summary>
    private void ReadPayload(ReadOnlySpan<byte> cell, int length)
    {
        var local = LocalOf(length);
        if (local + (local < length ? sizeof(uint) : 0) > cell.Length) throw new InvalidDataException();
        cell[..local].CopyTo(payload);
        var next = local < length ? BinaryPrimitives.ReadUInt32BigEndian(cell[local..]) : 0;
        for (var count = local; count < length;)
        {
            Visit(next);
            ReadPage(next, overflow);
            next = BinaryPrimitives.ReadUInt32BigEndian(overflow);
            var part = Math.Min(length - count, usableBytes - sizeof(uint));
            overflow.AsSpan(sizeof(uint), part).CopyTo(payload.AsSpan(count));
            count += part;
        }
    }

    /// <summary>How much of a payload is in its cell.</summary>
    private int LocalOf(int length)
    {
        var most = usableBytes - 35;
        if (length <= most) return length;
        var least = ((usableBytes - 12) * 32 / 255) - 23;
        var fitting = least + ((length - least) % (usableBytes - sizeof(uint)));
        return fitting <= most ? fitting : least;
    }

    private int CellAt(int pointers, int i)
    {
        var at = pointers + (i * sizeof(ushort));
        if (at > usableBytes - sizeof(ushort)) throw new InvalidDataException();
        return BinaryPrimitives.ReadUInt16BigEndian(page.AsSpan(at));
    }

    private void Visit(uint number)
    {
        if (number == 0 || number >= seen.Length || seen[(int)number]) throw new InvalidDataException();
        seen[(int)number] = true;
    }

    private void ReadPage(uint number, byte[] into) => file.Read((number - 1L) * pageBytes, into);

    /// <summary>A column of a record: its length is told by a type in the record's header. Empty if there is none.
    /// </summary>
    private static ReadOnlySpan<byte> ColumnOf(ReadOnlySpan<byte> record, int column)
    {
        var types = record;
        var headerBytes = ReadVariable(ref types);
        var countBytes = (ulong)(record.Length - types.Length);
        if (headerBytes < countBytes || headerBytes > (ulong)record.Length) throw new InvalidDataException();
        types = types[..(int)(headerBytes - countBytes)];
        var values = record[(int)headerBytes..];
        for (; !types.IsEmpty; column--)
        {
            var bytes = BytesOf(ReadVariable(ref types));
            if (bytes > (ulong)values.Length) throw new InvalidDataException();
            if (column == 0) return values[..(int)bytes];
            values = values[(int)bytes..];
        }

        return default;
    }

    private static ulong BytesOf(ulong type) => type switch
    {
        0 or 8 or 9 => 0,
        <= 4 => type,
        5 => 6,
        6 or 7 => 8,
        < 12 => throw new InvalidDataException(),
        _ => (type - 12) / 2,
    };

    private static uint NumberOf(ReadOnlySpan<byte> value)
    {
        if (value.Length is 0 or > sizeof(uint)) throw new InvalidDataException();
        var number = 0u;
        foreach (var one in value) number = (number << 8) | one;
        return number;
    }

    /// <summary>Seven bits in each byte but the ninth, the highest first.</summary>
    private static ulong ReadVariable(ref ReadOnlySpan<byte> from)
    {
        var number = 0UL;
        for (var i = 0; i < 9; i++)
        {
            if (from.IsEmpty) throw new InvalidDataException();
            var one = from[0];
            from = from[1..];
            if (i == 8) return (number << 8) | one;
            number = (number << 7) | (one & 0x7fUL);
            if (one < 0x80) return number;
        }

        return number;
    }
}
