namespace Berth.Blobs;

/// <summary>The object that says which database the bucket belongs to.</summary>
internal sealed partial class ObjectBlobStore
{
    public StoreFiles Files => new ObjectFiles(objects);

    public async Task<string?> FindMarkAsync(CancellationToken cancellation) =>
        await objects.ReadSmallAsync(StoreMarkText.FileName, StoreMarkText.MostBytes, cancellation) is { } content
            ? StoreMarkText.Read(content) : null;

    public async Task MarkAsync(string mark, bool replaces, CancellationToken cancellation)
    {
        using var content = new PartBuffer();
        content.Append(StoreMarkText.Write(mark));
        if (replaces) await objects.PutAsync(StoreMarkText.FileName, content, cancellation);
        else await objects.PutNewAsync(StoreMarkText.FileName, content, cancellation);
    }
}
