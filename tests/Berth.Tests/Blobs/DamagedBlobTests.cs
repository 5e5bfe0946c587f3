using System.Text;
using Berth.Blobs;
using Berth.Oci;
using Berth.Tests.Distribution;

namespace Berth.Tests.Blobs;

/// <summary>Blob files that something other than Berth changed.</summary>
public class DamagedBlobTests
{
    public static TheoryData<string> Damages => ["truncated", "emptied", "deleted", "grown"];

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_damaged_blob_is_absent_until_it_is_pushed_again(string damage)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET /v2/a/blobs/{sha256 layer}
              200
              < layer
            """);
        await DamageAsync(registry, damage);
        await script.PlayAsync(
            """
            HEAD /v2/a/blobs/{sha256 layer}
              404
            GET /v2/a/blobs/{sha256 layer}
              404 BLOB_UNKNOWN
            GET /v2/a/blobs/{sha256 layer}
              Range: bytes=0-1
              404 BLOB_UNKNOWN
            POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a
              202
            POST /v2/b/blobs/uploads/?mount={sha256 layer}
              202
            PUT /v2/a/manifests/again
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              404 MANIFEST_BLOB_UNKNOWN
            POST /v2/a/blobs/uploads/?digest={sha256 layer}
              > {layer}
              201
            HEAD /v2/a/blobs/{sha256 layer}
              200
              Content-Length: 5
            GET /v2/a/blobs/{sha256 layer}
              200
              < layer
            POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a
              201
            PUT /v2/a/manifests/again
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            """);
        await script.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\n < layer");
        Assert.Contains(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal)
            && l.Contains(LayerDigest.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Blobs_survive_a_restart_before_any_manifest_needs_them()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await registry.RestartAsync();
        await script.PlayAsync(
            "GET /v2/a/blobs/{sha256 layer}\n 200\n < layer\nGET /v2/a/blobs/{sha256 config}\n 200\n < {config}");
        Assert.Equal(2, (await registry.StoredAsync("blobs")).Count);
    }

    private static Digest LayerDigest => Digest.Of(DigestAlgorithm.Sha256, "layer"u8);

    private static string PathOf(RegistryFixture registry) =>
        Path.Combine(registry.DataFolder, "blobs", "sha256", LayerDigest.Hex[..2], LayerDigest.Hex);

    private static async Task DamageAsync(RegistryFixture registry, string damage)
    {
        var content = damage switch { "deleted" => null, "truncated" => "lay", "emptied" => "", _ => "layers" };
        if (registry.Bucket is { } bucket)
        {
            await bucket.PutAsync(
                ObjectBlobStore.KeyOf(LayerDigest), content is null ? null : Encoding.UTF8.GetBytes(content));
            // A blob that existed a moment ago is assumed to still exist.
            await registry.RestartAsync();
            return;
        }

        var path = PathOf(registry);
        if (content is null) File.Delete(path);
        else await File.WriteAllTextAsync(path, content, TestContext.Current.CancellationToken);
    }
}
