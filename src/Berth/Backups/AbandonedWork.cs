using System.Text.RegularExpressions;
using Berth.Disk;

namespace Berth.Backups;

/// <summary>
/// What a killed backup or restore has left in a folder that others may use too, such as the one for temporary files.
/// It holds password hashes, so the next one removes it. Whoever works holds a lock beside its files.
/// </summary>
internal static partial class AbandonedWork
{
    /// <summary>Earlier versions held no lock, and a backup of theirs may run for hours.</summary>
    private static readonly TimeSpan Age = TimeSpan.FromDays(1);

    /// <summary>Says that files of this name are used. The kernel ends that with the process.</summary>
    public static FileStream Hold(string path) => new(path + ".lock", new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.ReadWrite,
        Share = FileShare.None,
        Options = FileOptions.DeleteOnClose,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    /// <summary>Removes what is old and not used any more. What can't be removed stays for the next time.</summary>
    public static void Remove(string folder, TimeProvider clock)
    {
        if (!Directory.Exists(folder)) return;
        var options = new EnumerationOptions { AttributesToSkip = FileAttributes.ReparsePoint };
        var found = new DirectoryInfo(folder).EnumerateFileSystemInfos("berth-*", options)
            .Where(entry => OwnName().IsMatch(entry.Name));
        foreach (var group in found.GroupBy(entry => OwnName().Match(entry.Name).Groups[1].Value))
        {
            var entries = group.ToList();
            if (entries.Exists(entry => entry.LinkTarget is not null || !FileOwner.IsThisUser(entry.FullName)
                || entry.LastWriteTimeUtc > clock.GetUtcNow() - Age))
            {
                continue;
            }

            try
            {
                using var held = TryLock(Path.Combine(folder, group.Key + ".lock"));
                foreach (var entry in entries)
                {
                    if (entry is DirectoryInfo directory) directory.Delete(recursive: true);
                    else entry.Delete();
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Somebody uses it, or removes it right now.
            }
        }
    }

    /// <summary>Null if there is no lock.</summary>
    /// <exception cref="IOException">It is held.</exception>
    private static FileStream? TryLock(string path) => File.Exists(path)
        ? new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None) : null;

    [GeneratedRegex("^(berth-backup-[0-9a-f]{32}|berth-metadata-[0-9a-f]{32}\\.db)(-wal|-shm|-journal|\\.gz|\\.lock)?$",
        RegexOptions.NonBacktracking)]
    private static partial Regex OwnName();
}
