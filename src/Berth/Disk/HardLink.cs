using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>A second name for a file: link(2).</summary>
internal static partial class HardLink
{
    /// <summary>
    /// False where it can't be done: on another file system, on one that has no links, or for a file that belongs to
    /// somebody else (fs.protected_hardlinks).
    /// </summary>
    public static bool TryCreate(string file, string path) => Link(file, path) == 0;

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string file, string path);
}
