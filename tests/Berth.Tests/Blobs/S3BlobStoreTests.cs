using Amazon.S3.Model;
using Berth.Blobs;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Blobs;

/// <summary>Blobs in a bucket.</summary>
public class S3BlobStoreTests : BlobStoreSuite
{
    private Servers.S3Bucket bucket = null!;

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

    private protected override async Task RemoveAsync()
    {
        ((ObjectBlobStore)Store).Dispose();
        await bucket.DisposeAsync();
    }

    private protected virtual S3Settings Configure(S3Settings settings) => settings;

    private protected override async ValueTask<IBlobStore> CreateAsync()
    {
        bucket = await S3Server.CreateBucketAsync();
        return Open();
    }

    private ObjectBlobStore Open() => TestEngines.Open(
        Configure(TestEngines.SettingsOf(bucket) with { ChunkSize = 5 << 20 }));

    private protected override async Task<int> CountLeftAsync() =>
        (await bucket.KeysAsync()).Count(key => key.Contains("uploads/", StringComparison.Ordinal))
        + (await bucket.UploadsAsync()).Count;

    private protected override Task AlterAsync(Digest digest, byte[] content) =>
        bucket.Server.Client.PutObjectAsync(
            new PutObjectRequest
            {
                BucketName = bucket.Name,
                Key = Configure(new S3Settings()).RootDirectory.Trim('/') is { Length: > 0 } root
                    ? $"{root}/{ObjectBlobStore.KeyOf(digest)}"
                    : ObjectBlobStore.KeyOf(digest),
                InputStream = new MemoryStream(content),
            },
            StoreUse.Stop);
}

/// <summary>Blobs in equal parts, under a prefix, copied in small parts, with little memory.</summary>
public sealed class FrugalS3BlobStoreTests : S3BlobStoreTests
{
    private protected override S3Settings Configure(S3Settings settings) => settings with
    {
        EqualParts = true,
        RootDirectory = "/registry/main/",
        MultipartCopyThresholdSize = 1 << 20,
        MultipartCopyChunkSize = 5 << 20,
        MultipartCopyMaxConcurrency = 2,
        UploadMemoryBytes = 5 << 20,
        StorageClass = "NONE",
    };
}
