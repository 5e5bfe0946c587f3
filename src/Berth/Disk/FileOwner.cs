namespace Berth.Disk;

/// <summary>Whose a file is.</summary>
internal static class FileOwner
{
    private const uint UserId = 0x8;

    // struct statx, from linux/stat.h.
    private const int UserAt = 20;

    /// <summary>Whether it belongs to the user whom this process runs as.</summary>
    public static bool IsThisUser(string path) => Of(path) is { } owner && owner == Of("/proc/self");

    private static uint? Of(string path)
    {
        Span<byte> record = stackalloc byte[FileRecord.Bytes];
        return FileRecord.TryRead(path, UserId, record) ? BitConverter.ToUInt32(record[UserAt..]) : null;
    }
}
