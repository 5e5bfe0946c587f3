using System.Buffers.Binary;

namespace Berth.Packages;

/// <summary>
/// Programs that say what they are made of, as those of Go and some of Rust do. A program is not a list of packages:
/// one that can't be understood is none that says anything, and no fault.
/// </summary>
internal sealed class ProgramFormat : PackageFormat
{
    /// <summary>Java's classes begin like Apple's files with several programs; their second number is a version, and
    /// that has always been larger than anybody's number of architectures.</summary>
    private const uint MaxFatPrograms = 30;

    private const uint FatMagic = 0xcafebabe;

    public override int MaxBytes => 512 << 20;

    /// <summary>Whether a file may be a program.</summary>
    /// <param name="beginning">Its first bytes.</param>
    public static bool IsProgram(ReadOnlySpan<byte> beginning) => beginning.StartsWith(ElfFile.Magic)
        || beginning.StartsWith("MZ"u8) || MachOFile.IsMachO(beginning) || IsFat(beginning);

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var file = new FileBytes(content);
        Span<byte> beginning = stackalloc byte[MagicBytes];
        if (file.Length < beginning.Length) return;
        file.Read(0, beginning);
        if (IsFat(beginning)) ReadFat(file, BinaryPrimitives.ReadUInt32BigEndian(beginning[4..]), found);
        else ReadOne(file, beginning, found);
    }

    protected override bool Reads(string path) => false;

    private static bool IsFat(ReadOnlySpan<byte> beginning) =>
        BinaryPrimitives.ReadUInt32BigEndian(beginning) == FatMagic
        && BinaryPrimitives.ReadUInt32BigEndian(beginning[4..]) <= MaxFatPrograms;

    private static bool ReadOne(FileBytes file, ReadOnlySpan<byte> beginning, PackageFindings found)
    {
        ProgramLayout? layout;
        try
        {
            layout = beginning.StartsWith(ElfFile.Magic) ? ElfFile.Read(file)
                : beginning.StartsWith("MZ"u8) ? PeFile.Read(file)
                : MachOFile.IsMachO(beginning) ? MachOFile.Read(file) : null;
        }
        catch (InvalidDataException)
        {
            return false;
        }

        if (layout is null) return false;
        // A program may have parts of both languages.
        var isGo = GoBuildInfo.Read(layout, found);
        return RustDependencies.Read(layout, found) || isGo;
    }

    /// <summary>The same program for several architectures: what the first says, all say.</summary>
    private static void ReadFat(FileBytes file, uint count, PackageFindings found)
    {
        const int EntryBytes = 20;
        Span<byte> entry = stackalloc byte[EntryBytes];
        Span<byte> beginning = stackalloc byte[MagicBytes];
        var end = 0L;
        for (var i = 0; i < count && file.Has(MagicBytes + (i * EntryBytes), EntryBytes); i++)
        {
            file.Read(MagicBytes + (i * EntryBytes), entry);
            long offset = BinaryPrimitives.ReadUInt32BigEndian(entry[8..]);
            long length = BinaryPrimitives.ReadUInt32BigEndian(entry[12..]);
            found.ThrowIfCancelled();

            // Programs that lie in each other would be read again and again.
            if (length < MagicBytes || offset < end || !file.Has(offset, length)) return;
            end = offset + length;
            var program = file.Slice(offset, length);
            program.Read(0, beginning);
            if (ReadOne(program, beginning, found)) return;
        }
    }
}
