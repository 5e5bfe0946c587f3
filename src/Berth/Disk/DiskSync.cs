using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Disk;

/// <summary>
/// Makes files, and the names in folders, durable with fsync(2). The result is checked: the runtime's own calls
/// (<c>RandomAccess.FlushToDisk</c>, <c>FileStream.Flush(true)</c>) hide failures.
/// </summary>
internal static unsafe partial class DiskSync
{
    private const int ReadOnly = 0x80000; // O_RDONLY | O_CLOEXEC; O_DIRECTORY differs between architectures.
    private const int Interrupted = 4; // EINTR

    /// <summary>From the program's global scope, where a preloaded library that injects faults comes first.</summary>
    private static readonly delegate* unmanaged<int, int> FSync =
        (delegate* unmanaged<int, int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "fsync");

    /// <summary>Makes a file's bytes durable.</summary>
    /// <exception cref="SyncFailedException">
    /// The sync failed. The kernel may have dropped the bytes and marked their pages clean: they can't be trusted, and
    /// a later sync that succeeds proves nothing.
    /// </exception>
    public static void File(SafeFileHandle file, string path)
    {
        var isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            Sync(file.DangerousGetHandle().ToInt32(), path);
        }
        finally
        {
            if (isHeld) file.DangerousRelease();
        }
    }

    /// <summary>Makes the names in a folder durable.</summary>
    /// <exception cref="IOException">The folder could not be opened.</exception>
    /// <exception cref="SyncFailedException">The sync failed.</exception>
    public static void Folder(string folder)
    {
        var descriptor = Open(folder, ReadOnly);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new IOException(
                $"cannot open the folder '{folder}': {Marshal.GetPInvokeErrorMessage(error)}", error);
        }

        try
        {
            Sync(descriptor, folder);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static void Sync(int descriptor, string path)
    {
        while (FSync(descriptor) != 0)
        {
            var error = Marshal.GetLastSystemError();
            if (error != Interrupted) throw new SyncFailedException(path, error);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}

/// <summary>fsync(2) failed. Carries the error number where .NET's own exceptions do.</summary>
internal sealed class SyncFailedException(string path, int error)
    : IOException($"cannot sync '{path}': {Marshal.GetPInvokeErrorMessage(error)}", error);
