using Berth.Disk;
using Berth.Settings;

namespace Berth.Hosting;

/// <summary>The folder that holds everything, locked against a second Berth while this one uses it.</summary>
internal sealed class DataFolder : IDisposable
{
    private const string LockName = "berth.lock";
    private const long LeastMemoryBytes = 1L << 30;

    private readonly string lockPath;
    private readonly bool isRemovedAtEnd;
    private FileStream? held;
    private FileIdentity? identity;

    /// <param name="root">Its path.</param>
    /// <param name="held">Its lock; null if the folder is read-only, which needs none.</param>
    /// <param name="isRemovedAtEnd">Whether it is removed at exit.</param>
    private DataFolder(string root, FileStream? held, bool isRemovedAtEnd)
    {
        Root = root;
        lockPath = Path.Combine(root, LockName);
        this.held = held;
        this.isRemovedAtEnd = isRemovedAtEnd;
        identity = held is null ? null : FileIdentity.Of(lockPath);
    }

    public string Root { get; }

    /// <summary>Whether it is on a read-only file system: then there are only pulls.</summary>
    public bool IsReadOnly => held is null;

    public static string DatabasePathOf(RegistrySettings settings) =>
        settings.Database.Path ?? Path.Combine(RootOf(settings), "berth.db");

    /// <summary>Whether the settings need a folder, which only one process uses.</summary>
    public static bool IsNeeded(RegistrySettings settings) =>
        !settings.Storage.IsRemote || settings.Database.Host is null;

    /// <summary>Opens the folder; null if the settings need none.</summary>
    /// <exception cref="StartException">
    /// Another Berth or another program uses the folder, or it is not writable.
    /// </exception>
    public static DataFolder? Open(RegistrySettings settings)
    {
        if (!IsNeeded(settings)) return null;
        var root = RootOf(settings);
        var isInMemory = settings.Storage.InMemory is not null;
        if (PathAccess.IsOnReadOnlyFileSystem(root)) return new DataFolder(root, held: null, isRemovedAtEnd: false);
        try
        {
            // Left by a process that was killed and had the same id.
            if (isInMemory && Directory.Exists(root)) Directory.Delete(root, recursive: true);
            ForeignFolder.Refuse(root, settings.Database.Host is null ? DatabasePathOf(settings) : null);

            // Private: it holds private images, and who pushed them.
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new DataFolder(root, Lock(Path.Combine(root, LockName)), isInMemory);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StartException(
                $"{Environment.UserName} may not write to the data folder {root}: "
                + (Directory.Exists(root) ? "chown it to this user, " : "create it and chown it to this user, ")
                + "or set storage.filesystem.rootdirectory to another one", e);
        }
        catch (IOException e) when (IsLocked(e))
        {
            throw new StartException(
                $"another Berth uses the data folder {root}: stop it, "
                + "or set storage.filesystem.rootdirectory to another folder", e);
        }
        catch (IOException e)
        {
            throw new StartException(
                $"the data folder {root} can't be used ({e.Message}): "
                + "set storage.filesystem.rootdirectory to a folder on a writable disk", e);
        }
    }

    /// <summary>Locks a folder that a server has used, to keep servers out. Null if none has.</summary>
    /// <exception cref="StartException">A server uses it.</exception>
    public static IDisposable? HoldUsed(string folder)
    {
        var path = Path.Combine(folder, LockName);
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException e) when (IsLocked(e))
        {
            throw new StartException($"a Berth uses the data folder {folder}: stop it first", e);
        }
    }

    /// <summary>Writes and syncs a byte, to find out whether the folder is still writable.</summary>
    /// <exception cref="IOException">The folder is gone, full or read-only.</exception>
    public void Probe()
    {
        var probe = Path.Combine(Root, "berth.probe");
        using (var file = File.OpenHandle(probe, FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
        {
            RandomAccess.Write(file, [1], fileOffset: 0);
            DiskSync.File(file, probe);
        }

        File.Delete(probe);
    }

    /// <summary>
    /// Checks that the folder is still exclusively this Berth's. A removed lock file is recreated and locked.
    /// </summary>
    /// <returns>Why nothing must be written, or null.</returns>
    public string? FindLoss()
    {
        if (held is null) return "the data folder is on a read-only file system";
        if (FileIdentity.Of(lockPath) == identity) return null;
        if (!Directory.Exists(Root)) return $"the data folder is gone: {Root}";
        try
        {
            var taken = Lock(lockPath);
            held.Dispose();
            (held, identity) = (taken, FileIdentity.Of(lockPath));
            return null;
        }
        catch (IOException e) when (IsLocked(e))
        {
            return $"the lock file was removed, and another Berth now uses the data folder {Root}: stop one of them";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the lock file is gone, and can't be recreated: {e.Message}";
        }
    }

    public void Dispose()
    {
        held?.Dispose();
        if (isRemovedAtEnd) Directory.Delete(Root, recursive: true);
    }

    private static FileStream Lock(string path) =>
        new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    /// <summary>Where the settings put it.</summary>
    public static string RootOf(RegistrySettings settings) => settings.Storage.InMemory is null
        ? Path.GetFullPath(settings.Storage.Filesystem.RootDirectory)
        : Path.Combine(MemoryFolder(), $"berth-{Environment.ProcessId}");

    /// <summary>The folder, if it is needed and this user can't write to it or create it; otherwise null.</summary>
    public static string? FindUnwritable(RegistrySettings settings)
    {
        if (settings.Storage.IsRemote && settings.Database.Host is not null) return null;
        var root = RootOf(settings);
        var present = root;
        while (!Directory.Exists(present)) present = Path.GetDirectoryName(present)!;
        return PathAccess.IsOpenToWrite(present) ? null : root;
    }

    /// <summary>The folder in memory, if it is larger than the 64 MiB that containers get by default.</summary>
    private static string MemoryFolder()
    {
        const string Memory = "/dev/shm";
        try
        {
            if (new DriveInfo(Memory).TotalSize >= LeastMemoryBytes) return Memory;
        }
        catch (IOException)
        {
            // There is none.
        }

        return Path.GetTempPath();
    }

    /// <summary>EWOULDBLOCK from flock, as .NET reports it.</summary>
    private static bool IsLocked(IOException e) => e.HResult is 11 or unchecked((int)0x80070020);
}
