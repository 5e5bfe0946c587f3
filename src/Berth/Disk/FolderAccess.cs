using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>What this process may do in a folder, by access(2), which writes nothing to find out.</summary>
internal static partial class FolderAccess
{
    private const int ToWrite = 2;
    private const int ReadOnlyFileSystem = 30;

    public static bool IsWritable(string folder) => Access(folder, ToWrite) == 0;

    /// <summary>Whether the file system itself takes no writes, whoever asks.</summary>
    public static bool IsOnReadOnlyFileSystem(string folder) =>
        Access(folder, ToWrite) != 0 && Marshal.GetLastPInvokeError() == ReadOnlyFileSystem;

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
