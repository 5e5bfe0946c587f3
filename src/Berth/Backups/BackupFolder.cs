using Berth.Blobs;
using Berth.Disk;

namespace Berth.Backups;

/// <summary>Backups in a folder. A lock keeps others out; it ends with the process.</summary>
internal sealed class BackupFolder(string root) : BackupPlace
{
    private const string LockName = "backup.lock";
    private const string NewName = "berth.new";

    private const UnixFileMode Private =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>What may be in a folder that is empty for its owner.</summary>
    private static readonly HashSet<string> Tolerated =
        ["lost+found", ".snapshot", ".snapshots", ".zfs", ".gitkeep", ".keep", LockName, NewName];

    private static readonly string[] Folders = ["", "blobs", "backups", "uploads", "quarantine"];

    private readonly FolderFiles files = new(root, NewName);
    private FileBlobStore? blobs;

    public override string Name => root;

    public override IBlobStore Blobs => blobs!;

    public override string WorkFolder => Path.Combine(root, "work");

    public override async Task<T> RunAloneAsync<T>(
        Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        FileStream held;
        try
        {
            held = new FileStream(
                Path.Combine(root, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult is 11 or unchecked((int)0x80070020))
        {
            throw new PlaceInUseException($"another backup is being written to {root}: wait until it has ended", e);
        }

        await using (held) return await work(cancellation);
    }

    /// <summary>The kernel keeps the lock while the process lives, even if it is suspended.</summary>
    public override void RequireStillAlone()
    {
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Private: backups hold password hashes and keys.</summary>
    protected override void Begin(bool mayCreate)
    {
        if (mayCreate) Create();
        blobs = new FileBlobStore(root);
    }

    private void Create()
    {
        try
        {
            foreach (var folder in Folders) Directory.CreateDirectory(Under(folder), Private);
        }
        catch (IOException e)
        {
            // Where no folder can be made, as under /proc, .NET only says that it is not there.
            throw new IOException($"backups can't be written to {root}: {e.Message}", e);
        }
    }

    protected override Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation) =>
        files.ReadAsync(key, mostBytes, cancellation);

    protected override async Task WriteAsync(string key, byte[] content, CancellationToken cancellation)
    {
        await files.WriteAsync(key, content, cancellation);
        DiskSync.Folder(root);
    }

    protected override Task DeleteAsync(string key, CancellationToken cancellation)
    {
        File.Delete(Under(key));
        DiskSync.Folder(Path.GetDirectoryName(Under(key))!);
        return Task.CompletedTask;
    }

    protected override IAsyncEnumerable<string> ListAsync(string under, CancellationToken cancellation)
    {
        var folder = Under(under);
        return !Directory.Exists(folder)
            ? AsyncEnumerable.Empty<string>()
            : Directory.EnumerateFileSystemEntries(folder).Select(path => under + Path.GetFileName(path))
                .Where(key => !Tolerated.Contains(key)).ToAsyncEnumerable();
    }

    private string Under(string key) => Path.Combine(root, key);
}
