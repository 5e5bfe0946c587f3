using System.Buffers.Binary;
using System.Text;

namespace Berth.Tests.Packages;

/// <summary>Makes small programs, with as much in them as readers need, of any kind of machine.</summary>
/// <param name="is64">Whether addresses have eight bytes.</param>
/// <param name="isBigEndian">Whether numbers have their highest byte first.</param>
internal sealed class ProgramBytes(bool is64, bool isBigEndian)
{
    public const string Modules =
        "path\texample.com/app\nmod\texample.com/app\t(devel)\t\ndep\texample.com/a\tv1.2.3\th1:x=\n"
        + "dep\texample.com/b\tv0.0.0\n=>\texample.com/fork\tv1.1.0\th1:y=\n"
        + "dep\texample.com/c\tv1.0.0\n=>\t./local\t(devel)\t\nbuild\t-compiler=gc\n";

    private const ulong Address = 0x400000;
    private const int PayloadOffset = 0x1000;

    private readonly List<byte> file = [];

    private int WordBytes => is64 ? 8 : 4;

    /// <summary>As Go's linker writes it.</summary>
    public byte[] GoInfo(string version, string modules, bool isInline, ulong address = Address + PayloadOffset)
    {
        var (content, text) = (new ProgramBytes(is64, isBigEndian), Marked(modules));
        content.file.AddRange([0xff, .. " Go buildinf:"u8]);
        content.file.AddRange([(byte)WordBytes, (byte)(isInline ? 2 : isBigEndian ? 1 : 0)]);
        if (isInline)
        {
            content.PadTo(32);
            content.Text(Encoding.UTF8.GetBytes(version));
            content.Text(text);
            // Go does not read a text at the very end.
            content.PadTo(content.file.Count + 16);
            return content.file.ToArray();
        }

        content.Word(address + 64);
        content.Word(address + 96);
        content.PadTo(64);
        content.Word(address + 128);
        content.Word((ulong)version.Length);
        content.PadTo(96);
        content.Word(address + 128 + (ulong)version.Length);
        content.Word((ulong)text.Length);
        content.PadTo(128);
        content.file.AddRange(Encoding.UTF8.GetBytes(version));
        content.file.AddRange(text);
        return content.file.ToArray();
    }

    /// <summary>A program of Linux with one section, or with none.</summary>
    public byte[] Elf(string? section, byte[] payload)
    {
        var names = Encoding.UTF8.GetBytes($"\0{section}\0.names\0");
        var namesOffset = PayloadOffset + payload.Length;
        var table = (namesOffset + names.Length + 7) & ~7;
        file.AddRange([0x7f, .. "ELF"u8, (byte)(is64 ? 2 : 1), (byte)(isBigEndian ? 2 : 1), 1, 0]);
        PadTo(16);
        Halves(2, (ushort)(isBigEndian ? is64 ? 22 : 20 : is64 ? 62 : 3));
        Numbers(1);
        Word(Address);
        Word((ulong)(is64 ? 64 : 52));
        Word(section is null ? 0 : (ulong)table);
        Numbers(0);
        Halves((ushort)(is64 ? 64 : 52), (ushort)(is64 ? 56 : 32), 2, (ushort)(is64 ? 64 : 40));
        Halves((ushort)(section is null ? 0 : 3), (ushort)(section is null ? 0 : 2));
        Segment(flags: 4, 0, PayloadOffset);
        Segment(flags: 6, PayloadOffset, payload.Length);
        PadTo(PayloadOffset);
        file.AddRange(payload);
        file.AddRange(names);
        PadTo(table);
        if (section is null) return file.ToArray();
        file.AddRange(new byte[is64 ? 64 : 40]);
        Section(1, Address + PayloadOffset, PayloadOffset, payload.Length);
        Section(2 + section.Length, 0, namesOffset, names.Length);
        return file.ToArray();
    }

    /// <summary>A program of Windows.</summary>
    public static byte[] Pe(string section, byte[] payload)
    {
        var program = new ProgramBytes(is64: true, isBigEndian: false);
        program.file.AddRange("MZ"u8);
        program.PadTo(0x3c);
        program.Numbers(0x80);
        program.PadTo(0x80);
        program.file.AddRange("PE\0\0"u8);
        program.Halves(0x8664, 1);
        program.Numbers(0, 0, 0);
        program.Halves(240, 2, 0x20b);
        program.PadTo(0x80 + 24 + 24);
        program.Word(Address);
        // Sixteen directories, all empty.
        program.PadTo(0x80 + 24 + 108);
        program.Numbers(16);
        program.PadTo(0x80 + 24 + 240);
        program.file.AddRange(Encoding.UTF8.GetBytes(section.PadRight(8, '\0')));
        program.Numbers((uint)payload.Length, PayloadOffset, (uint)payload.Length, PayloadOffset, 0, 0, 0, 0xc0000040);
        program.PadTo(PayloadOffset);
        program.file.AddRange(payload);
        return program.file.ToArray();
    }

    /// <summary>A program of Apple.</summary>
    public byte[] MachO(string section, byte[] payload)
    {
        var (segmentBytes, sectionBytes) = is64 ? (72, 80) : (56, 68);
        Numbers(is64 ? 0xfeedfacf : 0xfeedface, is64 ? 0x01000007u : 18u, 3, 2, 1);
        Numbers((uint)(segmentBytes + sectionBytes), 0);
        if (is64) Numbers(0);
        Numbers(is64 ? 0x19u : 1u, (uint)(segmentBytes + sectionBytes));
        Name("__DATA");
        Word(Address + PayloadOffset);
        Word((ulong)payload.Length);
        Word(PayloadOffset);
        Word((ulong)payload.Length);
        Numbers(3, 3, 1, 0);
        Name(section);
        Name("__DATA");
        Word(Address + PayloadOffset);
        Word((ulong)payload.Length);
        Numbers(PayloadOffset, 4, 0, 0, 0, 0, 0);
        if (is64) Numbers(0);
        PadTo(PayloadOffset);
        file.AddRange(payload);
        return file.ToArray();
    }

    /// <summary>A file with one of Apple's programs for several machines.</summary>
    public static byte[] Fat(params byte[][] programs)
    {
        var fat = new ProgramBytes(is64: false, isBigEndian: true);
        fat.Numbers(0xcafebabe, (uint)programs.Length);
        var offset = PayloadOffset;
        foreach (var program in programs)
        {
            fat.Numbers(0x01000007, 3, (uint)offset, (uint)program.Length, 12);
            offset = Next(offset, program);
        }

        offset = PayloadOffset;
        foreach (var program in programs)
        {
            fat.PadTo(offset);
            fat.file.AddRange(program);
            offset = Next(offset, program);
        }

        return fat.file.ToArray();

        static int Next(int offset, byte[] program) => offset + ((program.Length + 0xfff) & ~0xfff);
    }

    private static byte[] Marked(string modules) => modules.Length == 0 ? [] :
    [
        .. Convert.FromHexString("3077af0c9274080241e1c107e6d618e6"), .. Encoding.UTF8.GetBytes(modules),
        .. Convert.FromHexString("f932433186182072008242104116d8f2"),
    ];

    private void PadTo(int length) => file.AddRange(new byte[length - file.Count]);

    private void Segment(uint flags, long offset, long length)
    {
        Numbers(1);
        if (is64) Numbers(flags);
        foreach (var word in (ulong[])[(ulong)offset, Address + (ulong)offset, 0, (ulong)length, (ulong)length])
            Word(word);
        if (!is64) Numbers(flags);
        Word(0x1000);
    }

    private void Section(int name, ulong address, long offset, long length)
    {
        Numbers((uint)name, 1);
        foreach (var word in (ulong[])[2, address, (ulong)offset, (ulong)length]) Word(word);
        Numbers(0, 0);
        Word(16);
        Word(0);
    }

    private void Text(byte[] text)
    {
        var length = text.Length;
        for (; length >= 0x80; length >>= 7) file.Add((byte)(length | 0x80));
        file.Add((byte)length);
        file.AddRange(text);
    }

    private void Name(string name) => file.AddRange(Encoding.UTF8.GetBytes(name.PadRight(16, '\0')));

    private void Word(ulong value)
    {
        if (!is64)
        {
            Numbers((uint)value);
            return;
        }

        Span<byte> bytes = stackalloc byte[8];
        if (isBigEndian) BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        file.AddRange(bytes);
    }

    private void Numbers(params uint[] values)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var value in values)
        {
            if (isBigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
            else BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            file.AddRange(bytes);
        }
    }

    private void Halves(params ushort[] values)
    {
        Span<byte> bytes = stackalloc byte[2];
        foreach (var value in values)
        {
            if (isBigEndian) BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
            else BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
            file.AddRange(bytes);
        }
    }
}
