using System.Buffers.Binary;

namespace Berth.Packages;

/// <summary>Numbers in the order of the machine that wrote them.</summary>
/// <param name="IsBigEndian">Whether the highest byte comes first.</param>
internal readonly record struct ByteOrder(bool IsBigEndian)
{
    public ushort Int16(ReadOnlySpan<byte> bytes, int offset)
    {
        bytes = bytes[offset..];
        return IsBigEndian
            ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public uint Int32(ReadOnlySpan<byte> bytes, int offset)
    {
        bytes = bytes[offset..];
        return IsBigEndian
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public ulong Int64(ReadOnlySpan<byte> bytes, int offset)
    {
        bytes = bytes[offset..];
        return IsBigEndian
            ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>A number of four or eight bytes.</summary>
    public ulong Word(ReadOnlySpan<byte> bytes) => bytes.Length == sizeof(uint) ? Int32(bytes, 0) : Int64(bytes, 0);
}
