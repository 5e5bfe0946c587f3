namespace Berth.Tests.Distribution;

/// <summary>Content in one repository is not thereby in another.</summary>
public class IsolationTests
{
    [Fact]
    public async Task A_mount_that_cannot_be_is_an_upload_instead()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            POST /v2/other/blobs/uploads/?digest={sha256 abcd}
              > abcd
              201
            POST /v2/a/blobs/uploads/?mount={sha256 nowhere}&from=other
              202
              Location: {first}
            POST /v2/a/blobs/uploads/?mount={sha256 nowhere}
              202
              Location: {second}
            POST /v2/a/blobs/uploads/?mount={sha256 abcd}&from=missing
              202
            POST /v2/a/blobs/uploads/?mount={sha256 abcd}&from=IN//VALID
              202
            HEAD /v2/a/blobs/{sha256 abcd}
              404
            PUT {first}?digest={sha256 nowhere}
              > nowhere
              201
            POST /v2/fresh/blobs/uploads/?mount={sha256 abcd}
              201
              Location: /v2/fresh/blobs/{sha256 abcd}
            GET /v2/fresh/blobs/{sha256 abcd}
              200
              < abcd
            """);
    }

    [Fact]
    public async Task An_upload_in_one_repository_cannot_be_reached_through_another()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Docker-Upload-UUID: {id}
            PATCH /v2/a/blobs/uploads/{id}
              > abcd
              202
            """);
        const string Attempts =
            """
            GET /v2/b/blobs/uploads/{id}
              404 BLOB_UPLOAD_UNKNOWN
            PATCH /v2/b/blobs/uploads/{id}
              > efgh
              404 BLOB_UPLOAD_UNKNOWN
            PUT /v2/b/blobs/uploads/{id}?digest={sha256 abcd}
              404 BLOB_UPLOAD_UNKNOWN
            DELETE /v2/b/blobs/uploads/{id}
              404 BLOB_UPLOAD_UNKNOWN
            GET /v2/a/blobs/uploads/{id}
              204
              Range: 0-3
            """;
        await script.PlayAsync(Attempts);
        await registry.RestartAsync();
        await script.PlayAsync(Attempts);
    }

    [Fact]
    public async Task A_blob_is_served_only_in_repositories_where_it_was_pushed()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Storage = s.Storage with { Delete = s.Storage.Delete with { NeededBlobs = true } },
        });
        var script = await Images.ScriptAsync(registry, "a", "b");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            HEAD /v2/c/blobs/{sha256 layer}
              404
            GET /v2/c/blobs/{sha256 layer}
              404 BLOB_UNKNOWN
            PUT /v2/c/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              404 MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN
            GET /v2/b/manifests/{sha256 image}
              404 MANIFEST_UNKNOWN
            DELETE /v2/a/blobs/{sha256 layer}
              202
            HEAD /v2/a/blobs/{sha256 layer}
              404
            GET /v2/b/blobs/{sha256 layer}
              200
              < layer
            """);
    }
}
