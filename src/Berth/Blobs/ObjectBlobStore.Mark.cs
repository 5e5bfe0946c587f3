namespace Berth.Blobs;

/// <summary>The object that says which database the bucket belongs to.</summary>
internal sealed partial class ObjectBlobStore
{
    public async Task<string?> FindMarkAsync(CancellationToken cancellation)
    {
        using var reading = await objects.OpenAsync(
            StoreMarkText.FileName, 0, StoreMarkText.MostBytes, etag: null, cancellation);
        if (reading is null) return null;
        var bytes = new byte[StoreMarkText.MostBytes];
        var count = 0;
        while (await objects.ReadAsync(
            reading.Content, bytes.AsMemory(count), StoreMarkText.FileName, cancellation) is > 0 and var read)
        {
            count += read;
        }

        return count == reading.SizeBytes ? StoreMarkText.Read(bytes.AsSpan(0, count))
            : throw new StoreUnavailableException($"reading {StoreMarkText.FileName} broke off");
    }

    public async Task MarkAsync(string mark, bool replaces, CancellationToken cancellation)
    {
        using var content = new PartBuffer();
        content.Append(StoreMarkText.Write(mark));
        if (replaces) await objects.PutAsync(StoreMarkText.FileName, content, cancellation);
        else await objects.PutNewAsync(StoreMarkText.FileName, content, cancellation);
    }
}
