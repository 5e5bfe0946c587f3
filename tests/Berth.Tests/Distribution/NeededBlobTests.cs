using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Deleting blobs that images need, and those that none needs.</summary>
public class NeededBlobTests
{
    [Fact]
    public async Task A_blob_that_an_image_of_its_repository_needs_can_not_be_deleted()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await PushedAsync(registry);
        foreach (var blob in new[] { "config", "layer" })
        {
            await script.PlayAsync(
                $$"""
                DELETE /v2/a/blobs/{sha256 {{blob}}}
                  405 DENIED
                HEAD /v2/a/blobs/{sha256 {{blob}}}
                  200
                """);
            await script.PlayAsync($$"""
                DELETE /v2/a/blobs/{sha256 {{blob}}}
                  405 DENIED
                """);
            Assert.Contains(script.Filled("the image v1 ({sha256 image})"), script.LastBody, StringComparison.Ordinal);
        }

        // Untagged, it is still an image, and may be listed in an index.
        await script.PlayAsync(
            """
            DELETE /v2/a/manifests/v1
              202
            DELETE /v2/a/blobs/{sha256 layer}
              405 DENIED
            """);
        Assert.Contains(script.Filled("the image {sha256 image}"), script.LastBody, StringComparison.Ordinal);
        await script.PlayAsync(
            """
            DELETE /v2/a/manifests/{sha256 image}
              202
            DELETE /v2/a/blobs/{sha256 layer}
              202
            HEAD /v2/a/blobs/{sha256 layer}
              404
            DELETE /v2/a/blobs/{sha256 layer}
              404 BLOB_UNKNOWN
            """);
    }

    [Fact]
    public async Task A_blob_that_only_another_repository_needs_can_be_deleted()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await PushedAsync(registry);
        await script.PlayAsync(
            """
            POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a
              201
            POST /v2/a/blobs/uploads/?digest={sha256 orphan}
              > orphan
              201
            DELETE /v2/b/blobs/{sha256 layer}
              202
            DELETE /v2/a/blobs/{sha256 orphan}
              202
            HEAD /v2/a/blobs/{sha256 layer}
              200
            """);
    }

    [Fact]
    public async Task A_subject_is_not_needed_by_what_refers_to_it()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script["referrer"] = Images.Index("", $",\"subject\":{Images.Descriptor("application/x", "orphan")}");
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 orphan}
              > orphan
              201
            PUT /v2/a/manifests/referrer
              Content-Type: application/vnd.oci.image.index.v1+json
              > {referrer}
              201
            DELETE /v2/a/blobs/{sha256 orphan}
              202
            """);
    }

    [Fact]
    public async Task The_settings_can_let_blobs_be_deleted_from_under_their_images()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Storage = s.Storage with { Delete = new DeleteSettings { NeededBlobs = true } },
        });
        var script = await PushedAsync(registry);
        await script.PlayAsync(
            """
            DELETE /v2/a/blobs/{sha256 layer}
              202
            HEAD /v2/a/blobs/{sha256 layer}
              404
            """);
    }

    private static async Task<Script> PushedAsync(RegistryFixture registry)
    {
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/v1
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            """);
        return script;
    }
}
