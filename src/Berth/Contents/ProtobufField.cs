using System.Buffers.Binary;
using System.Text;

namespace Berth.Contents;

/// <summary>How a field of protobuf is stored.</summary>
internal enum WireKind
{
    Number,
    Bytes,
}

/// <summary>A field of a message in protobuf's wire format, which anybody may have written.</summary>
internal ref struct ProtobufField
{
    private const int MaxTextBytes = 300;

    public int Number { get; private set; }

    /// <summary>The number; for bytes, how many.</summary>
    public ulong Value { get; private set; }

    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Takes the next field of a message; false at its end, and if the rest is none.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> rest, out ProtobufField field)
    {
        field = default;
        if (!TryReadHead(rest, out var number, out var kind, out var value, out var length)) return false;
        rest = rest[length..];
        field = new ProtobufField { Number = number, Value = value };
        if (kind == WireKind.Number) return true;
        if (value > (ulong)rest.Length) return false;
        field.Bytes = rest[..(int)value];
        rest = rest[(int)value..];
        return true;
    }

    /// <summary>Reads what comes before the bytes of a field; all of it, if it is a number.</summary>
    /// <param name="bytes">The message from there on.</param>
    /// <param name="number">The field's number.</param>
    /// <param name="kind">How it is stored.</param>
    /// <param name="value">The number; for bytes, how many follow.</param>
    /// <param name="length">How many bytes this took.</param>
    public static bool TryReadHead(
        ReadOnlySpan<byte> bytes, out int number, out WireKind kind, out ulong value, out int length)
    {
        (number, kind, value) = (0, WireKind.Number, 0);
        length = 0;
        if (!TryReadVarint(bytes, ref length, out var tag) || tag >> 3 is 0 or > int.MaxValue) return false;
        number = (int)(tag >> 3);
        var rest = bytes[length..];
        switch (tag & 7)
        {
            case 0: return TryReadVarint(bytes, ref length, out value);
            case 1 when rest.Length >= 8:
                value = BinaryPrimitives.ReadUInt64LittleEndian(rest);
                length += 8;
                return true;
            case 2:
                kind = WireKind.Bytes;
                return TryReadVarint(bytes, ref length, out value);
            case 5 when rest.Length >= 4:
                value = BinaryPrimitives.ReadUInt32LittleEndian(rest);
                length += 4;
                return true;
            default: return false;
        }
    }

    /// <summary>The beginning of a text.</summary>
    public static string TextOf(ReadOnlySpan<byte> bytes) =>
        Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, MaxTextBytes)]);

    private static bool TryReadVarint(ReadOnlySpan<byte> bytes, ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && at < bytes.Length; shift += 7)
        {
            var one = bytes[at++];
            value |= (ulong)(one & 0x7f) << shift;
            if (one < 0x80) return true;
        }

        return false;
    }
}
