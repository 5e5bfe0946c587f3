using System.Text;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Deleting tags, manifests, blobs and uploads (distribution-spec, "Content Management").</summary>
public class DeletionTests
{
    [Fact]
    public async Task Deleting_a_tag_leaves_the_image_and_its_other_tags()
    {
        await using var registry = await TaggedAsync();
        await (await ScriptAsync(registry)).PlayAsync(
            """
            GET /v2/a/manifests/one
              200
            DELETE /v2/a/manifests/one
              202
            GET /v2/a/manifests/one
              404 MANIFEST_UNKNOWN
            DELETE /v2/a/manifests/one
              404 MANIFEST_UNKNOWN
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":["two"]}
            GET /v2/a/manifests/two
              200
            GET /v2/a/manifests/{sha256 image}
              200
            DELETE /v2/a/manifests/two
              202
            GET /v2/a/manifests/{sha256 image}
              200
              < {image}
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":[]}
            """);
    }

    [Fact]
    public async Task Deleting_a_manifest_takes_its_tags_along_and_leaves_its_blobs()
    {
        await using var registry = await TaggedAsync();
        await (await ScriptAsync(registry)).PlayAsync(
            """
            HEAD /v2/a/manifests/one
              200
            HEAD /v2/a/manifests/{sha256 image}
              200
            DELETE /v2/a/manifests/{sha256 image}
              202
            HEAD /v2/a/manifests/{sha256 image}
              404
            HEAD /v2/a/manifests/one
              404
            GET /v2/a/manifests/two
              404 MANIFEST_UNKNOWN
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":[]}
            GET /v2/_catalog
              200
              < {"repositories":[]}
            DELETE /v2/a/manifests/{sha256 image}
              404 MANIFEST_UNKNOWN
            HEAD /v2/a/blobs/{sha256 layer}
              200
            PUT /v2/a/manifests/one
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET /v2/a/manifests/one
              200
              < {image}
            """);
    }

    [Fact]
    public async Task Deleting_in_one_repository_changes_nothing_in_another()
    {
        await using var registry = await TaggedAsync();
        var script = await Images.ScriptAsync(registry, "b");
        await script.PlayAsync(
            """
            PUT /v2/b/manifests/one
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            DELETE /v2/a/manifests/{sha256 image}
              202
            DELETE /v2/a/blobs/{sha256 layer}
              202
            GET /v2/b/manifests/one
              200
              < {image}
            GET /v2/b/blobs/{sha256 layer}
              200
              < layer
            DELETE /v2/missing/manifests/{sha256 image}
              404 MANIFEST_UNKNOWN
            DELETE /v2/missing/blobs/{sha256 layer}
              404 BLOB_UNKNOWN
            """);
    }

    [Fact]
    public async Task Where_deletion_is_off_everything_stays()
    {
        await using var registry = await TaggedAsync(s => s with
        {
            Storage = s.Storage with { Delete = new DeleteSettings { Enabled = false } },
        });
        await (await ScriptAsync(registry)).PlayAsync(
            """
            DELETE /v2/a/manifests/one
              405 UNSUPPORTED
            DELETE /v2/a/manifests/{sha256 image}
              405 UNSUPPORTED
            DELETE /v2/a/blobs/{sha256 layer}
              405 UNSUPPORTED
            GET /v2/a/manifests/one
              200
            HEAD /v2/a/blobs/{sha256 layer}
              200
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            DELETE {upload}
              204
            """);
    }

    [Fact]
    public async Task A_read_only_registry_serves_and_refuses_every_change()
    {
        var isReadOnly = false;
        await using var registry = await TaggedAsync(s => s with
        {
            Storage = s.Storage with
            {
                Maintenance = s.Storage.Maintenance with { ReadOnly = new ReadOnlySettings { Enabled = isReadOnly } },
            },
        });
        isReadOnly = true;
        await registry.RestartAsync();
        await (await ScriptAsync(registry)).PlayAsync(
            """
            GET /v2/a/manifests/one
              200
              < {image}
            GET /v2/a/blobs/{sha256 layer}
              200
              < layer
            GET /v2/a/tags/list
              200
            GET /v2/
              200
            PUT /v2/a/manifests/one
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              405 UNSUPPORTED
            POST /v2/a/blobs/uploads/
              405 UNSUPPORTED
            POST /v2/a/blobs/uploads/?digest={sha256 x}
              > x
              405 UNSUPPORTED
            POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a
              405 UNSUPPORTED
            DELETE /v2/a/manifests/one
              405 UNSUPPORTED
            DELETE /v2/a/blobs/{sha256 layer}
              405 UNSUPPORTED
            PATCH /v2/a/blobs/uploads/00000000000000000000000000000000
              405 UNSUPPORTED
            HEAD /v2/b/blobs/{sha256 layer}
              404
            """);
    }

    private static async Task<RegistryFixture> TaggedAsync(Func<RegistrySettings, RegistrySettings>? configure = null)
    {
        var registry = await RegistryFixture.StartAsync(configure);
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/{sha256 image}?tag=one&tag=two
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            """);
        return registry;
    }

    private static Task<Script> ScriptAsync(RegistryFixture registry) => Images.ScriptAsync(registry);
}
