using System.Buffers.Binary;
using System.Text;

namespace Berth.Packages;

/// <summary>
/// A header of rpm: how many entries there are and how many bytes of data; for each entry its tag, type, offset in the
/// data and count; the data. All numbers have their highest byte first.
/// </summary>
internal readonly ref struct RpmHeader
{
    private const int EntryBytes = 16;

    private const int Int32 = 4;
    private const int Text = 6;
    private const int Texts = 8;
    private const int TranslatedTexts = 9;

    private readonly ReadOnlySpan<byte> entries;
    private readonly ReadOnlySpan<byte> data;

    /// <exception cref="InvalidDataException">It is none.</exception>
    public RpmHeader(ReadOnlySpan<byte> blob)
    {
        if (blob.Length < 8) throw new InvalidDataException();
        var count = BinaryPrimitives.ReadUInt32BigEndian(blob);
        var dataBytes = BinaryPrimitives.ReadUInt32BigEndian(blob[4..]);
        var start = 8 + ((long)count * EntryBytes);
        if (start + dataBytes > blob.Length) throw new InvalidDataException();
        entries = blob[8..(int)start];
        data = blob.Slice((int)start, (int)dataBytes);
    }

    /// <summary>Null if it has none, or one that is no name or version.</summary>
    public string? TextOf(RpmTag tag)
    {
        var value = Find(tag, out var type, out var count);
        if (type is not (Text or Texts or TranslatedTexts) || count == 0) return null;
        var length = value.IndexOf((byte)0);
        return length is > 0 and <= PackageFields.MaxChars ? PackageFields.Taken(
            Encoding.UTF8.GetString(value[..length])) : null;
    }

    public uint? NumberOf(RpmTag tag)
    {
        var numbers = NumbersOf(tag);
        return numbers.IsEmpty ? null : BinaryPrimitives.ReadUInt32BigEndian(numbers);
    }

    /// <summary>Numbers of four bytes each; empty if it has none.</summary>
    /// <exception cref="InvalidDataException">It has fewer than it says.</exception>
    public ReadOnlySpan<byte> NumbersOf(RpmTag tag)
    {
        var value = Find(tag, out var type, out var count);
        if (type != Int32) return default;
        if ((long)count * sizeof(int) > value.Length) throw new InvalidDataException();
        return value[..(int)(count * sizeof(int))];
    }

    public TextSequence TextsOf(RpmTag tag)
    {
        var value = Find(tag, out var type, out var count);
        return type is Texts or Text ? new TextSequence(value, count) : default;
    }

    /// <summary>The data from the first entry of a tag on; of no type if there is none.</summary>
    private ReadOnlySpan<byte> Find(RpmTag tag, out int type, out uint count)
    {
        (type, count) = (0, 0);
        for (var rest = entries; rest.Length >= EntryBytes; rest = rest[EntryBytes..])
        {
            if (BinaryPrimitives.ReadInt32BigEndian(rest) != (int)tag) continue;
            type = BinaryPrimitives.ReadInt32BigEndian(rest[4..]);
            count = BinaryPrimitives.ReadUInt32BigEndian(rest[12..]);
            var offset = BinaryPrimitives.ReadUInt32BigEndian(rest[8..]);
            return offset <= data.Length ? data[(int)offset..] : throw new InvalidDataException();
        }

        return default;
    }

    /// <summary>Texts that each end with a zero.</summary>
    public ref struct TextSequence(ReadOnlySpan<byte> value, uint count)
    {
        private ReadOnlySpan<byte> rest = value;
        private uint left = count;

        public ReadOnlySpan<byte> Current { get; private set; }

        /// <exception cref="InvalidDataException">There are fewer than it says.</exception>
        public bool MoveNext()
        {
            if (left == 0) return false;
            var length = rest.IndexOf((byte)0);
            if (length < 0) throw new InvalidDataException();
            Current = rest[..length];
            rest = rest[(length + 1)..];
            left--;
            return true;
        }
    }
}
