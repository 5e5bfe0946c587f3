using System.Text;

namespace Berth.Packages;

/// <summary>
/// What Go's linker writes into each program (Go's package debug/buildinfo): a mark, then the compiler's version and
/// the modules, since Go 1.18 behind it, before that at two addresses. <c>go version -m</c> shows the same.
/// </summary>
internal static class GoBuildInfo
{
    private const int HeaderBytes = 32;
    private const int Aligned = 16;
    private const int MaxModuleBytes = 4 << 20;

    /// <summary>The first and the last bytes of the list of modules mark it in memory.</summary>
    private const int MarkBytes = 16;

    /// <summary>Where a program has no sections, the information is at the beginning of its data; Go looks at so much
    /// at once, and goes on.</summary>
    private const int PieceBytes = 64 << 10;

    private static readonly byte[] Magic = [0xff, .. " Go buildinf:"u8];

    /// <summary>Adds the modules of a program. False if it has none.</summary>
    /// <exception cref="InvalidDataException">The information is damaged.</exception>
    public static bool Read(ProgramLayout program, PackageFindings found)
    {
        if (program.BuildInfo is not { } part || Find(program.File, part) is not { } start) return false;
        Span<byte> header = stackalloc byte[HeaderBytes];
        program.File.Read(start, header);
        var isInline = (header[15] & 2) != 0;
        var (version, modules) = isInline
            ? ReadInline(program.File, start + HeaderBytes) : ReadPointed(program, header);
        if (LibraryOf(Encoding.UTF8.GetString(version)) is { } library) found.Add(library);
        var isMarked = modules.Length >= 2 * MarkBytes && modules[^(MarkBytes + 1)] == '\n';
        if (isMarked) AddModules(Encoding.UTF8.GetString(modules.AsSpan(MarkBytes..^MarkBytes)), found);
        return true;
    }

    private static long? Find(FileBytes file, ProgramPart part)
    {
        var piece = new byte[(int)Math.Min(part.Length, PieceBytes)];
        for (var at = 0L; at < part.Length; at += PieceBytes)
        {
            var read = file.ReadSome(part.Offset + at, piece.AsSpan(0, (int)Math.Min(piece.Length, part.Length - at)));
            for (var from = 0; read[from..].IndexOf(Magic) is >= 0 and var index; from += index + 1)
            {
                var inPart = at + from + index;
                if ((part.Address + (ulong)inPart) % Aligned == 0) return part.Offset + inPart;
            }
        }

        return null;
    }

    private static (byte[] Version, byte[] Modules) ReadInline(FileBytes file, long at)
    {
        var version = ReadText(file, ref at, PackageFields.MaxChars);
        return (version, ReadText(file, ref at, MaxModuleBytes));
    }

    private static byte[] ReadText(FileBytes file, ref long at, int most)
    {
        Span<byte> one = stackalloc byte[1];
        var length = 0L;
        for (var shift = 0; ; shift += 7)
        {
            if (shift > 28) throw new InvalidDataException();
            file.Read(at++, one);
            length |= (long)(one[0] & 0x7f) << shift;
            if (one[0] < 0x80) break;
        }

        var text = file.Read(at, length, most);
        at += length;
        return text;
    }

    private static (byte[] Version, byte[] Modules) ReadPointed(ProgramLayout program, ReadOnlySpan<byte> header)
    {
        var (size, order) = (header[14], new ByteOrder((header[15] & 1) != 0));
        if (size is not (4 or 8)) throw new InvalidDataException();
        return (
            ReadTextAt(program, header.Slice(16, size), order, PackageFields.MaxChars),
            ReadTextAt(program, header.Slice(16 + size, size), order, MaxModuleBytes));
    }

    /// <summary>A text in Go is the address of its bytes, and their number.</summary>
    private static byte[] ReadTextAt(ProgramLayout program, ReadOnlySpan<byte> pointer, ByteOrder order, int most)
    {
        var address = order.Word(pointer);
        if (address == 0) return [];
        Span<byte> text = stackalloc byte[2 * pointer.Length];
        program.File.Read(program.OffsetOf(address) ?? throw new InvalidDataException(), text);
        var length = order.Word(text[pointer.Length..]);
        if (length == 0) return [];
        if (length > (ulong)most) throw new InvalidDataException();
        var start = program.OffsetOf(order.Word(text[..pointer.Length])) ?? throw new InvalidDataException();
        return program.File.Read(start, (long)length, most);
    }

    /// <summary>The standard library has the version of the compiler: go1.22.3, and behind it what was done to it.
    /// </summary>
    private static Package? LibraryOf(string version)
    {
        if (!version.StartsWith("go", StringComparison.Ordinal)) return null;
        var end = version.AsSpan(2).IndexOfAny(' ', '+', '-');
        return PackageFields.Make("golang", "stdlib", end < 0 ? version[2..] : version[2..(2 + end)]);
    }

    /// <summary>
    /// Lines <c>dep path version sum</c> with tabs, and <c>mod</c> for the program's own module; one that begins with
    /// <c>=&gt;</c> replaces the module before it. A module from somebody's folder has no version, or <c>(devel)</c>,
    /// and is left out: its name with a version that was made up, as v0.0.0 with the commit's time, would be older than
    /// every release, and so have every defect that was ever mended.
    /// </summary>
    private static void AddModules(string text, PackageFindings found)
    {
        var module = (Package?)null;
        foreach (var line in text.EnumerateLines())
        {
            var fields = new Range[4];
            var count = line.Split(fields, '\t');
            if (count < 2) continue;
            var kind = line[fields[0]];
            if (kind is not ("mod" or "dep" or "=>")) continue;
            if (kind is not "=>") Add(module, found);
            module = count < 3 || line[fields[2]] is "(devel)" ? null
                : PackageFields.Make("golang", line[fields[1]].ToString(), line[fields[2]].ToString());
        }

        Add(module, found);
    }

    private static void Add(Package? module, PackageFindings found)
    {
        if (module is not null) found.Add(module);
    }
}
