using System.Buffers.Binary;

namespace Berth.Packages;

/// <summary>A program of Windows (PE Format). Go's information has no section of its own there: it is at the beginning
/// of the data.</summary>
internal static class PeFile
{
    private const int HeaderOffset = 0x3c;
    private const int HeaderBytes = 24;
    private const int SectionBytes = 40;
    private const int MaxLoaded = 256;
    private const uint Data = 0x40;
    private const uint ReadWrite = 0xc0000000;

    /// <summary>Null if it is a program of DOS.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static ProgramLayout? Read(FileBytes file)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        file.Read(HeaderOffset, header[..4]);
        long at = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (!file.Has(at, HeaderBytes)) return null;
        file.Read(at, header);
        if (!header.StartsWith("PE\0\0"u8)) return null;
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[6..]);
        int optionalBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[20..]);
        var table = file.Read(at + HeaderBytes + optionalBytes, count * SectionBytes, int.MaxValue);
        var imageBase = ImageBase(file, at + HeaderBytes, optionalBytes);
        var (loaded, data, dependencies) = (new List<ProgramPart>(), (ProgramPart?)null, (ProgramPart?)null);
        for (var i = 0; i < count; i++)
        {
            var section = table.AsSpan(i * SectionBytes, SectionBytes);
            var part = ProgramLayout.PartOf(
                file, BinaryPrimitives.ReadUInt32LittleEndian(section[20..]), SizeOf(section),
                imageBase + BinaryPrimitives.ReadUInt32LittleEndian(section[12..]));
            if (part is not { } one) continue;
            if (loaded.Count < MaxLoaded) loaded.Add(one);
            var kind = BinaryPrimitives.ReadUInt32LittleEndian(section[36..]);
            if ((kind & (Data | ReadWrite)) == (Data | ReadWrite)) data ??= one;
            if (section.StartsWith(".dep-v0\0"u8)) dependencies ??= one;
        }

        return new ProgramLayout(file) { BuildInfo = data, Dependencies = dependencies, Loaded = loaded };
    }

    /// <summary>In the file it is padded.</summary>
    private static uint SizeOf(ReadOnlySpan<byte> section) => Math.Min(
        BinaryPrimitives.ReadUInt32LittleEndian(section[8..]), BinaryPrimitives.ReadUInt32LittleEndian(section[16..]));

    private static ulong ImageBase(FileBytes file, long optional, int optionalBytes)
    {
        Span<byte> bytes = stackalloc byte[32];
        if (optionalBytes < bytes.Length) return 0;
        file.Read(optional, bytes);
        var is64 = BinaryPrimitives.ReadUInt16LittleEndian(bytes) == 0x20b;
        return is64 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..])
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]);
    }
}
