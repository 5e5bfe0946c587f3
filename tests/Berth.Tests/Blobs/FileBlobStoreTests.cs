using Berth.Blobs;
using Berth.Oci;

namespace Berth.Tests.Blobs;

/// <summary>Blobs in a folder.</summary>
public sealed class FileBlobStoreTests : BlobStoreSuite
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("berth-test-");

    private protected override async Task RemoveAsync()
    {
        await ((FileBlobStore)Store).PromoteStagedAsync(TimeSpan.Zero);
        folder.Delete(recursive: true);
    }

    private protected override ValueTask<IBlobStore> CreateAsync() =>
        ValueTask.FromResult<IBlobStore>(new FileBlobStore(folder.FullName));

    private protected override async Task<int> CountLeftAsync()
    {
        await ((FileBlobStore)Store).PromoteStagedAsync(TimeSpan.Zero);
        return Directory.GetFiles(Path.Combine(folder.FullName, "uploads")).Length;
    }

    private protected override async Task AlterAsync(Digest digest, byte[] content)
    {
        // Files written within a moment of each other may have the same time.
        await Task.Delay(20, StoreUse.Stop);
        var other = Path.Combine(folder.FullName, "other");
        await File.WriteAllBytesAsync(other, content, StoreUse.Stop);
        File.Move(other, Path.Combine(folder.FullName, "blobs", "sha256", digest.Hex[..2], digest.Hex), true);
    }
}
