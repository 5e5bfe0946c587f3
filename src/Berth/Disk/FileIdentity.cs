using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>
/// Which file a path leads to: the same as before, another one that has taken its name, or none. Asked by statx(2),
/// since opening and closing a database's file would drop the locks that this process holds on it.
/// </summary>
internal readonly partial record struct FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Number)
{
    private const int CurrentFolder = -100;
    private const uint InodeNumber = 0x100;

    // struct statx, from linux/stat.h.
    private const int RecordBytes = 256;
    private const int NumberAt = 32;
    private const int DeviceMajorAt = 136;
    private const int DeviceMinorAt = 140;

    /// <summary>Null where there is no file, or the disk does not tell.</summary>
    public static FileIdentity? Of(string path)
    {
        Span<byte> record = stackalloc byte[RecordBytes];
        if (StatX(CurrentFolder, path, 0, InodeNumber, ref MemoryMarshal.GetReference(record)) != 0) return null;
        return new FileIdentity(
            BitConverter.ToUInt32(record[DeviceMajorAt..]), BitConverter.ToUInt32(record[DeviceMinorAt..]),
            BitConverter.ToUInt64(record[NumberAt..]));
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte record);
}
