namespace Berth.Packages;

/// <summary>A part of a program's file.</summary>
/// <param name="Offset">Where it is in the file.</param>
/// <param name="Length">How long it is there, in bytes.</param>
/// <param name="Address">Where it is when the program runs.</param>
internal readonly record struct ProgramPart(long Offset, long Length, ulong Address);

/// <summary>Where in a program's file is what is looked for.</summary>
/// <param name="File">The file.</param>
internal sealed record ProgramLayout(FileBytes File)
{
    /// <summary>Where Go says what a program is made of, or where that may be.</summary>
    public ProgramPart? BuildInfo { get; init; }

    /// <summary>Where cargo-auditable does.</summary>
    public ProgramPart? Dependencies { get; init; }

    /// <summary>What is loaded when the program runs.</summary>
    public IReadOnlyList<ProgramPart> Loaded { get; init; } = [];

    /// <summary>Where what is at an address is in the file; null if it is not there.</summary>
    public long? OffsetOf(ulong address)
    {
        foreach (var part in Loaded)
        {
            if (address >= part.Address && address - part.Address < (ulong)part.Length)
                return part.Offset + (long)(address - part.Address);
        }

        return null;
    }

    /// <summary>A part as it is said to be; null if the file does not have all of it.</summary>
    public static ProgramPart? PartOf(FileBytes file, ulong offset, ulong length, ulong address) =>
        offset <= long.MaxValue && length <= long.MaxValue && file.Has((long)offset, (long)length)
            ? new ProgramPart((long)offset, (long)length, address) : null;
}
