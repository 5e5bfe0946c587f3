using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>
/// What this process may do with a file or folder, by access(2), which neither writes nor opens it: opening a pipe
/// would wait for its writer.
/// </summary>
internal static partial class PathAccess
{
    private const int ToEnter = 1;
    private const int ToWrite = 2;
    private const int ToRead = 4;
    private const int NotPermitted = 13; // EACCES
    private const int ReadOnlyFileSystem = 30; // EROFS

    public static bool IsWritable(string path) => Access(path, ToWrite) == 0;

    /// <summary>Whether files can be created in a folder.</summary>
    public static bool IsOpenToWrite(string folder) => Access(folder, ToWrite | ToEnter) == 0;

    /// <param name="path">The file.</param>
    /// <param name="isForbidden">The file exists, but this user may not read it. Otherwise there is no file.</param>
    public static bool IsReadable(string path, out bool isForbidden)
    {
        var isReadable = Access(path, ToRead) == 0;
        isForbidden = !isReadable && Marshal.GetLastPInvokeError() == NotPermitted;
        return isReadable;
    }

    /// <summary>Whether the file system is read-only for everyone.</summary>
    public static bool IsOnReadOnlyFileSystem(string path) =>
        Access(path, ToWrite) != 0 && Marshal.GetLastPInvokeError() == ReadOnlyFileSystem;

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
