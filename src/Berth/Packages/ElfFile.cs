namespace Berth.Packages;

/// <summary>
/// A program of Linux and most others (elf(5)): its sections by their names, and its segments, which are all that is
/// left when it has been stripped of its sections.
/// </summary>
internal sealed class ElfFile
{
    private const int HeaderBytes = 64;
    private const int MaxNameBytes = 8 << 20;
    private const int Loaded = 1;
    private const uint Writable = 2;

    /// <summary>Of these, programs have some ten.</summary>
    private const int MaxSegments = 256;

    private readonly FileBytes file;
    private readonly byte[] header = new byte[HeaderBytes];
    private readonly bool is64;
    private readonly ByteOrder order;

    private ElfFile(FileBytes file)
    {
        this.file = file;
        if (file.ReadSome(0, header).Length < 52) throw new InvalidDataException();
        if (header[4] is not (1 or 2) || header[5] is not (1 or 2)) throw new InvalidDataException();
        (is64, order) = (header[4] == 2, new ByteOrder(header[5] == 2));
    }

    public static ReadOnlySpan<byte> Magic => "\x7f"u8 + "ELF"u8;

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static ProgramLayout Read(FileBytes file) => new ElfFile(file).Read();

    private ProgramLayout Read()
    {
        var (loaded, firstWritable) = Segments();
        var (buildInfo, dependencies, hasSections) = Sections();
        return new ProgramLayout(file)
        {
            BuildInfo = hasSections ? buildInfo : firstWritable,
            Dependencies = dependencies,
            Loaded = loaded,
        };
    }

    private (List<ProgramPart> Loaded, ProgramPart? FirstWritable) Segments()
    {
        var (loaded, writable) = (new List<ProgramPart>(), (ProgramPart?)null);
        var start = Word(header, is64 ? 32 : 28);
        int bytes = order.Int16(header, is64 ? 54 : 42);
        int count = Math.Min((int)order.Int16(header, is64 ? 56 : 44), MaxSegments);
        if (bytes != (is64 ? 56 : 32) || !IsThere(start, (long)bytes * count)) return (loaded, null);
        var table = file.Read((long)start, (long)bytes * count, int.MaxValue);
        for (var i = 0; i < count; i++)
        {
            var one = table.AsSpan(i * bytes, bytes);
            if (order.Int32(one, 0) != Loaded) continue;
            if ((is64 ? PartOf(one, 8, 32, 16) : PartOf(one, 4, 16, 8)) is not { } segment) continue;
            loaded.Add(segment);
            var isWritable = (order.Int32(one, is64 ? 4 : 24) & Writable) != 0;
            if (isWritable) writable ??= segment;
        }

        return (loaded, writable);
    }

    private (ProgramPart? BuildInfo, ProgramPart? Dependencies, bool HasSections) Sections()
    {
        var start = Word(header, is64 ? 40 : 32);
        int bytes = order.Int16(header, is64 ? 58 : 46);
        int count = order.Int16(header, is64 ? 60 : 48);
        int names = order.Int16(header, is64 ? 62 : 50);
        if (count == 0 || names >= count || bytes != (is64 ? 64 : 40) || !IsThere(start, (long)bytes * count))
            return (null, null, false);
        var table = file.Read((long)start, (long)bytes * count, int.MaxValue);
        if (PartAt(table.AsSpan(names * bytes, bytes)) is not { } place) return (null, null, false);
        var text = file.Read(place.Offset, place.Length, MaxNameBytes);
        var (buildInfo, dependencies) = ((ProgramPart?)null, (ProgramPart?)null);
        for (var i = 0; i < count; i++)
        {
            var section = table.AsSpan(i * bytes, bytes);
            var name = order.Int32(section, 0);
            if (name >= text.Length) continue;
            var rest = text.AsSpan((int)name);
            if (rest.StartsWith(".go.buildinfo\0"u8)) buildInfo ??= PartAt(section);
            else if (rest.StartsWith(".dep-v0\0"u8)) dependencies ??= PartAt(section);
        }

        return (buildInfo, dependencies, true);
    }

    private ProgramPart? PartAt(ReadOnlySpan<byte> section) =>
        is64 ? PartOf(section, 24, 32, 16) : PartOf(section, 16, 20, 12);

    /// <summary>A part whose numbers are at these places of a record.</summary>
    private ProgramPart? PartOf(ReadOnlySpan<byte> record, int offset, int length, int address) => ProgramLayout.PartOf(
        file, Word(record, offset), Word(record, length), Word(record, address));

    private ulong Word(ReadOnlySpan<byte> record, int offset) =>
        is64 ? order.Int64(record, offset) : order.Int32(record, offset);

    private bool IsThere(ulong start, long length) =>
        start is > 0 and <= long.MaxValue && file.Has((long)start, length);
}
