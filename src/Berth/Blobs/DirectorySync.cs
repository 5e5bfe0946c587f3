using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Berth.Blobs;

/// <summary>Makes the names in a folder durable, which .NET has no call for.</summary>
internal static partial class DirectorySync
{
    private const int ReadOnly = 0x80000; // O_RDONLY | O_CLOEXEC; O_DIRECTORY differs between architectures.

    /// <exception cref="IOException">The folder could not be opened or synced.</exception>
    public static void Flush(string folder)
    {
        var descriptor = open(folder, ReadOnly);
        if (descriptor < 0) throw Failure(folder);
        try
        {
            if (fsync(descriptor) != 0) throw Failure(folder);
        }
        finally
        {
            _ = close(descriptor);
        }
    }

    /// <summary>Carries the error number where .NET's own exceptions do, so that a full disk is known as one.</summary>
    private static IOException Failure(string folder)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"cannot sync the folder '{folder}': {new Win32Exception(error).Message}", error);
    }

#pragma warning disable IDE1006, SYSLIB1054 // The names are the C library's own.
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
#pragma warning restore IDE1006, SYSLIB1054
}
