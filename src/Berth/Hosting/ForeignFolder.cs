using Berth.Settings;

namespace Berth.Hosting;

/// <summary>
/// Keeps Berth out of a folder that holds something else: it would start an empty registry among those files.
/// </summary>
internal static class ForeignFolder
{
    private const string Advice = "Set storage.filesystem.rootdirectory to an empty folder, and let `berth import` "
        + "bring what is here, as docs/moving-in.md says";

    /// <summary>What Berth, file systems and snapshots create, and what keeps an empty folder in git.</summary>
    private static readonly HashSet<string> Tolerated =
    [
        "berth.lock", "berth.db", "berth.db-wal", "berth.db-shm", "berth.db-journal", "berth.probe",
        "berth.store", "berth.store.new",
        "berth.file.new", "journal",
        "blobs", "uploads", "quarantine", "vulnerabilities", "lost+found", ".snapshot", ".snapshots", ".zfs",
        ".gitkeep", ".keep",
    ];

    /// <param name="root">The data folder, which need not exist.</param>
    /// <param name="database">The SQLite file, if there is one. If it and the lock exist, the folder is
    /// Berth's.</param>
    /// <exception cref="StartException">Something else is in the folder.</exception>
    public static void Refuse(string root, string? database)
    {
        var isUsed = File.Exists(Path.Combine(root, "berth.lock")) && (database is null || File.Exists(database));
        if (isUsed || !Directory.Exists(root)) return;
        if (Directory.Exists(Path.Combine(root, "docker", "registry", "v2")))
            throw new StartException($"{root} holds the data of a registry:2 (docker/registry/v2). {Advice}");
        if (FindLayout(root) is { } layout)
            throw new StartException($"{root} holds OCI layouts, as zot's data does ({layout}). {Advice}");

        // The SQLite file may have any name, even in this folder.
        var name = Path.GetFileName(database) ?? "berth.db";
        var other = new DirectoryInfo(root).EnumerateFileSystemInfos()
            .FirstOrDefault(e => !Tolerated.Contains(e.Name) && !e.Name.StartsWith(name, StringComparison.Ordinal));
        if (other is null) return;
        throw new StartException(
            $"{root} holds files that are not Berth's ({other.Name}): set storage.filesystem.rootdirectory to an empty "
            + "folder, or to one that does not exist yet");
    }

    /// <summary>The first repository with an index.json, two folders deep at most: enough to name the cause.</summary>
    private static string? FindLayout(string root)
    {
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = 2,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        return Directory.EnumerateFiles(root, "oci-layout", options)
            .Select(Path.GetDirectoryName)
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder!, "index.json"))) is { } layout
            ? Path.GetRelativePath(root, layout)
            : null;
    }
}
