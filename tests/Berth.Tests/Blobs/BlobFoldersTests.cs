using Berth.Blobs;

namespace Berth.Tests.Blobs;

/// <summary>Whether a folder's names are on the disk is never taken from a sync that did not see them.</summary>
public sealed class BlobFoldersTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("berth-test-").FullName;
    private readonly List<string> synced = [];
    private Action<string> meanwhile = _ => { };

    private string Folder => Path.Combine(root, "sha256", "ab");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void A_folder_is_synced_with_its_parents_once()
    {
        var folders = Create();
        folders.MakeDurable(Folder);
        folders.MakeDurable(Folder);
        Assert.True(folders.IsDurable(Folder));
        Assert.Equal([Folder, Path.GetDirectoryName(Folder)!, root], synced);
    }

    [Fact]
    public void A_folder_whose_sync_failed_is_synced_again()
    {
        var folders = Create();
        folders.MakeDurable(Folder);
        FailOnce(folders);
        Assert.False(folders.IsDurable(Folder));
        folders.MakeDurable(Folder);
        Assert.True(folders.IsDurable(Folder));
    }

    /// <summary>Another blob gets its name between the sync of the folder and those of its parents.</summary>
    [Fact]
    public void A_sync_that_fails_counts_though_an_earlier_one_ends_after_it()
    {
        var folders = Create();
        var isFirst = true;
        meanwhile = folder =>
        {
            if (folder != root || !isFirst) return;
            isFirst = false;
            FailOnce(folders);
            synced.Clear();
        };
        folders.MakeDurable(Folder);
        Assert.True(folders.IsDurable(Folder));
        Assert.Contains(Folder, synced);
    }

    private BlobFolders Create() => new(root, folder =>
    {
        synced.Add(folder);
        meanwhile(folder);
    });

    private void FailOnce(BlobFolders folders)
    {
        var before = meanwhile;
        meanwhile = _ => throw new IOException("the disk refuses");
        Assert.Throws<IOException>(() => folders.Sync(Folder));
        meanwhile = before;
    }
}
