using System.Globalization;
using Berth.Disk;

namespace Berth.Metadata;

/// <summary>
/// Before a write-ahead log is opened from which SQLite would drop committed changes, it is copied into
/// <c>quarantine/</c> beside the database. <c>berth verify</c> reports the copy for as long as it is there.
/// </summary>
internal static class DroppedLog
{
    /// <summary>Examines the log left by the last process. Returns what to report, or null if all is well.</summary>
    /// <exception cref="IOException">The log can't be read or copied.</exception>
    public static string? SetAside(string database, TimeProvider clock)
    {
        var log = WriteAheadLog.PathOf(database);
        if (WriteAheadLog.Scan(log) is not { DroppedFrames: > 0 } scan) return null;
        var folder = Directory.CreateDirectory(FolderOf(database)).FullName;
        var time = clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);
        var copy = Path.Combine(folder, $"{Path.GetFileName(log)}-{time}");
        File.Copy(log, copy, overwrite: true);
        using (var file = File.OpenHandle(copy, FileMode.Open, FileAccess.ReadWrite)) DiskSync.File(file, copy);
        DiskSync.Folder(folder);
        return $"The write-ahead log of the database is damaged after frame {scan.WholeFrames}: SQLite drops the "
            + $"{scan.DroppedFrames} frames after it, with at least {scan.DroppedCommits} committed changes. Manifests "
            + $"and tags pushed last are missing and have to be pushed again. A copy of the log is in {copy}";
    }

    /// <summary>Copies of damaged logs kept beside a database.</summary>
    public static IEnumerable<string> Kept(string database)
    {
        var folder = FolderOf(database);
        var name = Path.GetFileName(WriteAheadLog.PathOf(database));
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, name + "-*").Order() : [];
    }

    private static string FolderOf(string database) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(database))!, "quarantine");
}
