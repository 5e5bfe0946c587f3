using Berth.Disk;

namespace Berth.Blobs;

/// <summary>The file that says which database the folder belongs to.</summary>
internal sealed partial class FileBlobStore
{
    public StoreFiles Files => new FolderFiles(Name);

    private string MarkPath => Path.Combine(Name, StoreMarkText.FileName);

    public async Task<string?> FindMarkAsync(CancellationToken cancellation)
    {
        try
        {
            await using var file = File.OpenRead(MarkPath);
            var bytes = new byte[StoreMarkText.MostBytes];
            return StoreMarkText.Read(bytes.AsSpan(0, await file.ReadAtLeastAsync(
                bytes, bytes.Length, throwOnEndOfStream: false, cancellation)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Only one process uses the folder.</summary>
    public async Task MarkAsync(string mark, bool replaces, CancellationToken cancellation)
    {
        if (!replaces && await FindMarkAsync(cancellation) is not null) return;
        var path = MarkPath + ".new";
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            await RandomAccess.WriteAsync(file, StoreMarkText.Write(mark), fileOffset: 0, cancellation);
            DiskSync.File(file, path);
        }

        File.Move(path, MarkPath, overwrite: true);
        DiskSync.Folder(Name);
    }
}
