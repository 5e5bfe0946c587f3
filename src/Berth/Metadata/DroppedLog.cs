using System.Globalization;
using Berth.Disk;

namespace Berth.Metadata;

/// <summary>
/// A write-ahead log from which SQLite is about to drop committed changes is copied aside before it is opened, into
/// <c>quarantine/</c> beside the database. <c>berth verify</c> reports the copy for as long as it lies there.
/// </summary>
internal static class DroppedLog
{
    /// <summary>Looks at the log that the last process left. Returns what to tell, or null where all is well.</summary>
    /// <exception cref="IOException">The log can't be read, or copied.</exception>
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
            + $"{scan.DroppedFrames} frames behind it, with {scan.DroppedCommits} committed changes or more. Manifests "
            + $"and tags that were pushed last are missing, and have to be pushed again. A copy of the log is {copy}";
    }

    /// <summary>Copies of damaged logs that lie beside a database.</summary>
    public static IEnumerable<string> Kept(string database)
    {
        var folder = FolderOf(database);
        var name = Path.GetFileName(WriteAheadLog.PathOf(database));
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, name + "-*").Order() : [];
    }

    private static string FolderOf(string database) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(database))!, "quarantine");
}
