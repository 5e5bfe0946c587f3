namespace Berth.Disk;

/// <summary>
/// Which file a path leads to: the same as before, another one that has taken its name, or none. Nothing is opened,
/// since opening and closing a database's file would drop the locks that this process holds on it.
/// </summary>
internal readonly record struct FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Number)
{
    private const uint InodeNumber = 0x100;

    // struct statx, from linux/stat.h.
    private const int NumberAt = 32;
    private const int DeviceMajorAt = 136;
    private const int DeviceMinorAt = 140;

    /// <summary>Null if there is no file, or it can't be read.</summary>
    public static FileIdentity? Of(string path)
    {
        Span<byte> record = stackalloc byte[FileRecord.Bytes];
        if (!FileRecord.TryRead(path, InodeNumber, record)) return null;
        return new FileIdentity(
            BitConverter.ToUInt32(record[DeviceMajorAt..]), BitConverter.ToUInt32(record[DeviceMinorAt..]),
            BitConverter.ToUInt64(record[NumberAt..]));
    }
}
