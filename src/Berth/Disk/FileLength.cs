using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>
/// Lengths of files: one call of the system, where .NET's own way takes two and several objects. Each HEAD of a blob
/// asks for one.
/// </summary>
internal static partial class FileLength
{
    private const uint TypeOwnerAndSize = 0x20B;
    private const int NotPermitted = 1; // EPERM
    private const int NoSuchFile = 2;
    private const int NoFolderOnTheWay = 20;
    private const int NoSuchCall = 38; // ENOSYS

    // struct statx, from linux/stat.h.
    private const int OwnerAt = 20;
    private const int ModeAt = 28;
    private const int SizeAt = 40;
    private const int TypeBits = 0xF000;
    private const int RegularFile = 0x8000;
    private const int ReadableByOwner = 0x100;
    private const int ReadableByOthers = 0x4;

    private static readonly uint UserId = GetEffectiveUserId();

    /// <summary>
    /// A file's length in bytes, or null if there is none. Fails for a file that this user may not read, as opening it
    /// would, so that a HEAD reports what a GET would.
    /// </summary>
    /// <exception cref="IOException">The file can't be examined.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static long? Of(string path)
    {
        Span<byte> record = stackalloc byte[FileRecord.Bytes];
        if (FileRecord.TryRead(path, TypeOwnerAndSize, record))
        {
            var mode = BitConverter.ToUInt16(record[ModeAt..]);
            if ((mode & TypeBits) != RegularFile) return null;
            if ((mode & ReadableByOwner) == 0 || (!IsReadableByAll(mode) && IsOthers(record))) RequireReadable(path);
            return BitConverter.ToInt64(record[SizeAt..]);
        }

        var error = Marshal.GetLastPInvokeError();
        return error switch
        {
            NoSuchFile or NoFolderOnTheWay => null,
            NotPermitted or NoSuchCall => AskSlowly(path),
            _ => throw new IOException($"cannot stat '{path}': {Marshal.GetPInvokeErrorMessage(error)}", error),
        };
    }

    private static bool IsReadableByAll(int mode) => (mode & ReadableByOthers) != 0;

    /// <summary>Whether the file belongs to a different user than this process.</summary>
    private static bool IsOthers(ReadOnlySpan<byte> record) =>
        BitConverter.ToUInt32(record[OwnerAt..]) != UserId;

    /// <summary>Permissions have many sources; opening the file checks them all.</summary>
    private static void RequireReadable(string path)
    {
        using var file = File.OpenHandle(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>Some old sandboxes forbid the system call.</summary>
    private static long? AskSlowly(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? file.Length : null;
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();
}
