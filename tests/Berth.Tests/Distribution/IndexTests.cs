using Berth.Oci;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Images of several platforms, and other lists of manifests.</summary>
public class IndexTests
{
    [Fact]
    public async Task Nested_and_empty_indexes_are_served_as_pushed()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script.Give("empty", System.Text.Encoding.UTF8.GetBytes(Images.Index("")));
        var inner = Images.Index(Images.Descriptor(MediaTypes.OciManifest, Images.Oci()));
        script.Give("inner", System.Text.Encoding.UTF8.GetBytes(inner));
        script.Give("outer", System.Text.Encoding.UTF8.GetBytes(Images.Index(
            Images.Descriptor(MediaTypes.OciIndex, inner) + ","
                + Images.Descriptor(MediaTypes.OciIndex, Images.Index("")))));
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/empty
              Content-Type: application/vnd.oci.image.index.v1+json
              > {empty}
              201
            PUT /v2/a/manifests/{sha256 image}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            PUT /v2/a/manifests/outer
              Content-Type: application/vnd.oci.image.index.v1+json
              > {outer}
              404 MANIFEST_BLOB_UNKNOWN
            PUT /v2/a/manifests/{sha256 inner}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {inner}
              201
            PUT /v2/a/manifests/outer
              Content-Type: application/vnd.oci.image.index.v1+json
              > {outer}
              201
            GET /v2/a/manifests/outer
              200
              Content-Type: application/vnd.oci.image.index.v1+json
              < {outer}
            """);
    }

    [Theory]
    [InlineData("all", "404 MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN")]
    [InlineData("none", "201")]
    [InlineData("list", "404 MANIFEST_BLOB_UNKNOWN")]
    public async Task The_settings_say_which_children_of_an_index_must_be_there(string platforms, string status)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Validation = new ValidationSettings
            {
                Manifests = new ManifestValidationSettings
                {
                    Indexes = new IndexValidationSettings
                    {
                        Platforms = platforms,
                        PlatformList = [new PlatformSettings { Architecture = "amd64", Os = "linux" }],
                    },
                },
            },
        });
        var script = await Images.ScriptAsync(registry, "a");
        foreach (var type in new[] { MediaTypes.OciIndex, MediaTypes.DockerManifestList })
        {
            script["index"] = Images.Index(
                Child("first", "amd64") + "," + Child("second", "arm64"))
                .Replace(MediaTypes.OciIndex, type, StringComparison.Ordinal);
            await script.PlayAsync(
                $$"""
                PUT /v2/a/manifests/latest
                  Content-Type: {{type}}
                  > {index}
                  {{status}}
                """);
        }
    }

    private static string Child(string content, string architecture) => Images.Descriptor(
        MediaTypes.OciManifest, content, $$""","platform":{"architecture":"{{architecture}}","os":"linux"}""");

    /// <summary>Children are pulled as manifests, which a blob can't be.</summary>
    [Theory]
    [InlineData(MediaTypes.OciManifest, "404 MANIFEST_BLOB_UNKNOWN")]
    [InlineData(MediaTypes.DockerManifest, "404 MANIFEST_BLOB_UNKNOWN")]
    [InlineData("Application/vnd.OCI.image.index.v1+json", "404 MANIFEST_BLOB_UNKNOWN")]
    [InlineData("application/vnd.oci.image.layer.v1.tar+gzip", "201")]
    [InlineData(null, "201")]
    public async Task A_manifest_that_was_pushed_as_a_blob_is_no_child(string? type, string status)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var child = Images.Descriptor(type ?? "", Images.Oci());
        script["index"] = Images.Index(
            type is null ? child.Replace("\"mediaType\":\"\",", "", StringComparison.Ordinal) : child);
        await script.PlayAsync(
            $$"""
            POST /v2/a/blobs/uploads/?digest={sha256 image}
              > {image}
              201
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.index.v1+json
              > {index}
              {{status}}
            """);
    }

    [Fact]
    public async Task A_child_in_another_repository_does_not_count()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a", "b");
        script["index"] = Images.Index(Images.Descriptor(MediaTypes.OciManifest, Images.Oci()));
        await script.PlayAsync(
            """
            PUT /v2/b/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.index.v1+json
              > {index}
              404 MANIFEST_BLOB_UNKNOWN
            """);
    }
}
