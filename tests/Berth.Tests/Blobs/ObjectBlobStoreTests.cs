using Berth.Blobs;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Blobs;

/// <summary>Blobs in a bucket or a container.</summary>
public abstract class ObjectBlobStoreSuite(string kind) : BlobStoreSuite
{
    private StoreBucket bucket = null!;

    [Fact]
    public async Task A_blob_that_was_there_a_moment_ago_is_durable_only_if_the_store_still_has_it()
    {
        var kept = await StoreUse.PushWholeAsync(Store, StoreUse.Bytes(1, 1000));
        var deleted = await StoreUse.PushWholeAsync(Store, StoreUse.Bytes(2, 1000));
        Assert.Equal(1000, await Store.LengthOfAsync(deleted, StoreUse.Stop));
        using (var elsewhere = Open()) await elsewhere.DeleteAsync(deleted, StoreUse.Stop);
        Assert.Equal([kept], (await Store.MakeDurableAsync([kept, deleted], StoreUse.Stop)).Keys);
        Assert.Null(await Store.LengthOfAsync(deleted, StoreUse.Stop));
    }

    [Fact]
    public async Task Who_gives_up_waiting_is_let_go()
    {
        var digest = await StoreUse.PushWholeAsync(Store, StoreUse.Bytes(1, 1000));
        var gone = new CancellationToken(canceled: true);
        using var other = Open();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.MakeDurableAsync([digest], gone));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.LengthOfAsync(digest, gone).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.OpenAsync(digest, gone).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await other.ListQuarantinedAsync(gone).CountAsync(gone));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.FindProblemAsync(true, gone).AsTask());
    }

    private protected override async Task RemoveAsync()
    {
        ((ObjectBlobStore)Store).Dispose();
        await bucket.DisposeAsync();
    }

    private protected virtual StoreOptions Options => new(ChunkBytes: 5 << 20);

    private protected virtual StorageSettings Configure(StorageSettings settings) => settings;

    private protected override async ValueTask<IBlobStore> CreateAsync()
    {
        bucket = await TestEngines.CreateBucketAsync(kind);
        return Open();
    }

    private protected override async Task<int> CountLeftAsync() =>
        (await bucket.KeysAsync()).Count(key => key.Contains("uploads/", StringComparison.Ordinal))
        + (await bucket.UploadsAsync()).Count;

    private protected override Task AlterAsync(Digest digest, byte[] content)
    {
        var root = Options.RootDirectory?.Trim('/') is { } prefix ? prefix + "/" : "";
        return bucket.PutAsync(root + ObjectBlobStore.KeyOf(digest), content);
    }

    private ObjectBlobStore Open() => TestEngines.Open(Configure(bucket.In(new StorageSettings(), Options)));
}

/// <summary>Blobs in S3.</summary>
public sealed class S3BlobStoreTests() : ObjectBlobStoreSuite("s3");

/// <summary>Blobs in S3 in equal parts, under a prefix, copied in small parts, with little memory.</summary>
public sealed class FrugalS3BlobStoreTests() : ObjectBlobStoreSuite("s3")
{
    private protected override StoreOptions Options =>
        new(ChunkBytes: 5 << 20, MemoryBytes: 5 << 20, RootDirectory: "/registry/main/");

    private protected override StorageSettings Configure(StorageSettings settings) => settings with
    {
        S3 = settings.S3! with
        {
            EqualParts = true,
            MultipartCopyThresholdSize = 1 << 20,
            MultipartCopyChunkSize = 5 << 20,
            MultipartCopyMaxConcurrency = 2,
            StorageClass = "NONE",
        },
    };
}

/// <summary>Blobs in Azure.</summary>
public sealed class AzureBlobStoreTests() : ObjectBlobStoreSuite("azure");

/// <summary>Blobs in Azure under a prefix, with little memory.</summary>
public sealed class FrugalAzureBlobStoreTests() : ObjectBlobStoreSuite("azure")
{
    private protected override StoreOptions Options =>
        new(ChunkBytes: 5 << 20, MemoryBytes: 5 << 20, RootDirectory: "/registry/main/");
}
