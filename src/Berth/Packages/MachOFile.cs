using System.Buffers.Binary;

namespace Berth.Packages;

/// <summary>A program of Apple's systems: commands, some of which load segments, which have sections.</summary>
internal sealed class MachOFile
{
    private const uint Magic = 0xfeedface;
    private const uint LongMagic = 0xfeedfacf;
    private const uint LoadSegment = 1;
    private const uint LoadLongSegment = 0x19;
    private const int MaxCommandBytes = 4 << 20;
    private const int MaxLoaded = 256;

    private readonly FileBytes file;
    private readonly bool is64;
    private readonly ByteOrder order;
    private readonly List<ProgramPart> loaded = [];
    private ProgramPart? buildInfo;
    private ProgramPart? dependencies;

    private MachOFile(FileBytes file, uint magic)
    {
        this.file = file;
        order = new ByteOrder(magic is Magic or LongMagic);
        is64 = (order.IsBigEndian ? magic : BinaryPrimitives.ReverseEndianness(magic)) == LongMagic;
    }

    public static bool IsMachO(ReadOnlySpan<byte> beginning) => BinaryPrimitives.ReadUInt32BigEndian(beginning)
        is Magic or LongMagic or 0xcefaedfe or 0xcffaedfe;

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static ProgramLayout Read(FileBytes file)
    {
        Span<byte> header = stackalloc byte[28];
        file.Read(0, header);
        var program = new MachOFile(file, BinaryPrimitives.ReadUInt32BigEndian(header));
        program.ReadCommands(program.order.Int32(header, 20));
        return new ProgramLayout(file)
        {
            BuildInfo = program.buildInfo,
            Dependencies = program.dependencies,
            Loaded = program.loaded,
        };
    }

    private void ReadCommands(uint bytes)
    {
        var rest = file.Read(is64 ? 32 : 28, bytes, MaxCommandBytes).AsSpan();
        while (rest.Length >= 8)
        {
            var (kind, length) = (order.Int32(rest, 0), order.Int32(rest, 4));
            if (length < 8 || length > rest.Length) throw new InvalidDataException();
            if (kind == (is64 ? LoadLongSegment : LoadSegment)) ReadSegment(rest[..(int)length]);
            rest = rest[(int)length..];
        }
    }

    private void ReadSegment(ReadOnlySpan<byte> command)
    {
        var (headerBytes, sectionBytes) = is64 ? (72, 80) : (56, 68);
        if (command.Length < headerBytes) throw new InvalidDataException();
        var segment = is64
            ? ProgramLayout.PartOf(file, order.Int64(command, 40), order.Int64(command, 48), order.Int64(command, 24))
            : ProgramLayout.PartOf(file, order.Int32(command, 32), order.Int32(command, 36), order.Int32(command, 24));
        if (segment is { } part && loaded.Count < MaxLoaded) loaded.Add(part);
        for (var rest = command[headerBytes..]; rest.Length >= sectionBytes; rest = rest[sectionBytes..])
        {
            if (rest.StartsWith("__go_buildinfo\0"u8)) buildInfo ??= SectionOf(rest);
            else if (rest.StartsWith(".dep-v0\0"u8)) dependencies ??= SectionOf(rest);
        }
    }

    private ProgramPart? SectionOf(ReadOnlySpan<byte> section) => is64
        ? ProgramLayout.PartOf(file, order.Int32(section, 48), order.Int64(section, 40), order.Int64(section, 32))
        : ProgramLayout.PartOf(file, order.Int32(section, 40), order.Int32(section, 36), order.Int32(section, 32));
}
