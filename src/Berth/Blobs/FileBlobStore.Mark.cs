namespace Berth.Blobs;

/// <summary>The file that says which database the folder belongs to.</summary>
internal sealed partial class FileBlobStore
{
    public StoreFiles Files => new FolderFiles(Name);

    /// <summary>It may be marked while other files are written.</summary>
    private StoreFiles MarkFiles => new FolderFiles(Name, StoreMarkText.FileName + ".new");

    public async Task<string?> FindMarkAsync(CancellationToken cancellation) =>
        await MarkFiles.ReadAsync(StoreMarkText.FileName, StoreMarkText.MostBytes, cancellation) is { } content
            ? StoreMarkText.Read(content) : null;

    /// <summary>Only one process uses the folder.</summary>
    public async Task MarkAsync(string mark, bool replaces, CancellationToken cancellation)
    {
        if (!replaces && await FindMarkAsync(cancellation) is not null) return;
        await MarkFiles.WriteAsync(StoreMarkText.FileName, StoreMarkText.Write(mark), cancellation);
    }
}
