using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>What statx(2) reports about the file at a path. Its struct is the same on every architecture.</summary>
internal static partial class FileRecord
{
    /// <summary>The length of struct statx, from linux/stat.h.</summary>
    public const int Bytes = 256;

    private const int CurrentFolder = -100;

    /// <summary>Fills a record; if it fails, the last P/Invoke error says why.</summary>
    /// <param name="path">The path; symlinks are followed.</param>
    /// <param name="wanted">The fields, as STATX_….</param>
    /// <param name="record"><see cref="Bytes"/> long.</param>
    public static bool TryRead(string path, uint wanted, Span<byte> record) =>
        StatX(CurrentFolder, path, 0, wanted, ref MemoryMarshal.GetReference(record)) == 0;

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte record);
}
