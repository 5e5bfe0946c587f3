using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Berth.Contents;

/// <summary>One header of a tar archive: 512 bytes, of the formats v7, ustar, pax and GNU.</summary>
internal readonly ref struct TarHeader(ReadOnlySpan<byte> block)
{
    public const int BlockBytes = 512;

    private const int NumberStart = 124;
    private const int SumStart = 148;
    private const int SumBytes = 8;

    private readonly ReadOnlySpan<byte> block = block;

    public char Type => (char)block[156];

    /// <exception cref="LayerFaultException">It is none that a file can have.</exception>
    public long SizeBytes => NumberOf(block.Slice(NumberStart, 12), "size") is >= 0 and var size
        ? size : throw new LayerFaultException("an entry has a size below 0");

    public int Mode => (int)(NumberOf(block.Slice(100, 8), "mode") & 0xfff);

    public long Uid => NumberOf(block.Slice(108, 8), "uid");

    public long Gid => NumberOf(block.Slice(116, 8), "gid");

    public long ModifiedAt => NumberOf(block.Slice(136, 12), "mtime");

    public string Link => TextOf(UpToNul(block.Slice(157, 100)));

    public string Name
    {
        get
        {
            var name = TextOf(UpToNul(block[..100]));
            var prefix = block.Slice(257, 6).SequenceEqual("ustar\0"u8)
                ? TextOf(UpToNul(block.Slice(345, 155))) : "";
            return prefix.Length == 0 ? name : $"{prefix}/{name}";
        }
    }

    /// <summary>Whether the sum of its bytes is the one that it has. Old programs added them as signed numbers.
    /// </summary>
    public bool IsWhole
    {
        get
        {
            var (unsigned, signed) = (0L, 0L);
            for (var i = 0; i < BlockBytes; i++)
            {
                var value = i is >= SumStart and < SumStart + SumBytes ? (byte)' ' : block[i];
                unsigned += value;
                signed += (sbyte)value;
            }

            return TryReadNumber(block.Slice(SumStart, SumBytes), out var sum) && (sum == unsigned || sum == signed);
        }
    }

    /// <summary>A name as text. Bytes that are not UTF-8 are written as <c>\xNN</c>, so that no two names look alike.
    /// </summary>
    public static string TextOf(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes)) return Encoding.UTF8.GetString(bytes);
        var text = new StringBuilder(bytes.Length + 8);
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var length) == System.Buffers.OperationStatus.Done)
                text.Append(rune.ToString());
            else foreach (var value in bytes[..length]) text.Append($"\\x{value:x2}");
            bytes = bytes[length..];
        }

        return text.ToString();
    }

    private static long NumberOf(ReadOnlySpan<byte> field, string what) => TryReadNumber(field, out var number)
        ? number : throw new LayerFaultException($"the {what} of an entry is no number");

    /// <summary>Octal digits; or, if the first bit is set, a number in two's complement of the other bits.</summary>
    private static bool TryReadNumber(ReadOnlySpan<byte> field, out long number)
    {
        number = 0;
        if ((field[0] & 0x80) != 0)
        {
            Span<byte> wide = stackalloc byte[12];
            var isNegative = (field[0] & 0x40) != 0;
            wide.Fill(isNegative ? (byte)0xff : (byte)0);
            field.CopyTo(wide[^field.Length..]);
            if (!isNegative) wide[^field.Length] &= 0x7f;
            number = BinaryPrimitives.ReadInt64BigEndian(wide[4..]);

            // What does not fit must be a mere continuation of the sign.
            return BinaryPrimitives.ReadInt32BigEndian(wide) == (number < 0 ? -1 : 0) && number < 0 == isNegative;
        }

        var digits = field.Trim(" \0"u8);
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7') return false;
            number = (number << 3) | (uint)(digit - '0');
        }

        return true;
    }

    private static ReadOnlySpan<byte> UpToNul(ReadOnlySpan<byte> field) =>
        field.IndexOf((byte)0) is >= 0 and var end ? field[..end] : field;
}
