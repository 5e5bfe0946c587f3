using System.Text;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>What particular clients send and expect beyond the spec, call by call as they do it.</summary>
public class ClientQuirkTests
{
    [Theory]
    [InlineData("0-3")]
    [InlineData("bytes 0-3/4")]
    [InlineData("4-3")]
    public async Task A_final_put_without_a_body_may_name_the_range_of_the_whole(string range)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry) { ["range"] = range };
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              Content-Range: 0-3
              > abcd
              202
            HEAD {upload}
              204
              Range: 0-3
              Location: {upload}
            PUT {upload}?digest={sha256 abcd}
              Content-Range: {range}
              201
            """);
    }

    [Fact]
    public async Task Docker_takes_a_layers_size_from_the_range_after_one_stream_and_finishes_with_an_empty_put()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
              Docker-Upload-UUID: {id}
            PATCH {upload}
              Transfer-Encoding: chunked
              > some content
              202
              Range: 0-11
              Docker-Upload-UUID: {id}
            PUT {upload}?digest={sha256 some content}
              201
              Docker-Content-Digest: {sha256 some content}
            HEAD /v2/a/blobs/{sha256 some content}
              200
              Content-Length: 12
            """);
    }

    [Fact]
    public async Task Docker_asks_for_a_manifests_type_length_and_digest_before_it_pulls()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script["image"] = Images.Oci()
            .Replace(MediaTypes.OciManifest, MediaTypes.DockerManifest, StringComparison.Ordinal);
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.docker.distribution.manifest.v2+json
              > {image}
              201
              Docker-Content-Digest: {sha256 image}
            HEAD /v2/a/manifests/latest
              Accept: application/vnd.oci.image.index.v1+json
              200
              Content-Type: application/vnd.docker.distribution.manifest.v2+json
              Content-Length: {size image}
              Docker-Content-Digest: {sha256 image}
            """);
    }

    [Fact]
    public async Task Containerd_pushes_with_post_and_put_and_wants_nothing_but_404_for_what_is_missing()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            HEAD /v2/new/repository/blobs/{sha256 abcd}
              404
            HEAD /v2/new/repository/manifests/latest
              404
            POST /v2/new/repository/blobs/uploads/?mount={sha256 abcd}&from=not/readable
              202
              Location: {upload}
            PUT {upload}?digest={sha256 abcd}
              Content-Type: application/octet-stream
              > abcd
              201
              Docker-Content-Digest: {sha256 abcd}
            """);
    }

    [Fact]
    public async Task Containerd_names_the_registry_it_wanted_to_a_mirror()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "library/a");
        await script.PlayAsync(
            """
            PUT /v2/library/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            HEAD /v2/library/a/manifests/latest?ns=registry.example
              200
            GET /v2/library/a/blobs/{sha256 layer}?ns=registry.example
              200
              < layer
            HEAD /v2/library/b/manifests/latest?ns=registry.example
              404
            HEAD /v2/registry.example/v2/library/a/manifests/latest
              404
            """);
    }

    [Fact]
    public async Task The_dotnet_sdk_appends_its_digest_with_an_ampersand_and_sends_chunks_without_a_unit()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Range: -
              OCI-Chunk-Min-Length: -
              Location: {upload}
            PUT {upload}?&digest={sha256 abcd}
              > abcd
              201
            POST /v2/a/blobs/uploads/
              202
              Location: {chunked}
            PATCH {chunked}
              Content-Range: 0-3
              > efgh
              202
              Range: 0-3
            GET {chunked}
              204
              Range: 0-3
            PUT {chunked}?&digest={sha256 efgh}
              201
            """);
    }

    [Fact]
    public async Task Crane_sends_a_json_type_and_an_origin_with_its_post()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "source");
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?mount={sha256 layer}&from=source&origin=registry.example
              Content-Type: application/json
              201
            POST /v2/a/blobs/uploads/?mount={sha256 abcd}&from=source&origin=registry.example
              Content-Type: application/json
              202
              Location: {upload}
            PATCH {upload}
              Transfer-Encoding: chunked
              > abcd
              202
              Location: {upload}
            PUT {upload}?digest={sha256 abcd}
              201
            GET /v2/a/referrers/{sha256 abcd}
              200
            """);
    }

    [Fact]
    public async Task Kaniko_starts_an_upload_to_see_whether_it_may_push_and_leaves_no_trace()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            POST /v2/probed/blobs/uploads/
              202
            GET /v2/probed/tags/list
              404 NAME_UNKNOWN
            GET /v2/_catalog
              200
              < {"repositories":[]}
            """);
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Fact]
    public async Task Podman_looks_for_blobs_in_other_repositories_first()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Images.ScriptAsync(registry, "other");
        await new Script(registry).PlayAsync(
            """
            HEAD /v2/a/blobs/{sha256 layer}
              404
            HEAD /v2/not/there/blobs/{sha256 layer}
              404
            HEAD /v2/other/blobs/{sha256 layer}
              200
            POST /v2/a/blobs/uploads/?from=other&mount={sha256 layer}
              201
            """);
    }

    [Fact]
    public async Task Helm_asks_for_a_digest_in_a_repository_that_does_not_exist_yet()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            HEAD /v2/charts/new/manifests/{sha256 chart}
              404
            GET /v2/charts/new/tags/list
              404 NAME_UNKNOWN
            """);
    }

    [Fact]
    public async Task BuildKit_exports_a_cache_as_an_index_of_layers_and_attestations_for_no_platform()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var layer = Images.Descriptor("application/vnd.oci.image.layer.v1.tar+zstd", Images.Layer);
        var config = Images.Descriptor("application/vnd.buildkit.cacheconfig.v0", Images.Config);
        const string Unknown = ",\"platform\":{\"architecture\":\"unknown\",\"os\":\"unknown\"}";
        script.Give("cache", Encoding.UTF8.GetBytes(Images.Index($"{layer},{config}")));
        script.Give("built", Encoding.UTF8.GetBytes(
            Images.Index(Images.Descriptor(MediaTypes.OciManifest, Images.Oci(), Unknown))));
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/cache
              Content-Type: application/vnd.oci.image.index.v1+json
              > {cache}
              201
            GET /v2/a/manifests/cache
              200
              < {cache}
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.index.v1+json
              > {built}
              201
            """);
    }

    [Fact]
    public async Task Cosigns_fallback_index_does_not_stand_in_for_the_referrers()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var subject = $",\"subject\":{Images.Descriptor(MediaTypes.OciManifest, Images.Oci())}";
        var signature = Images.Oci(",\"artifactType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"" + subject);
        script.Give("signature", Encoding.UTF8.GetBytes(signature));
        script.Give("fallback", Encoding.UTF8.GetBytes(
            Images.Index(Images.Descriptor(MediaTypes.OciManifest, signature))));
        script["tag"] = script.Filled("{sha256 image}").Replace(':', '-');
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/{sha256 signature}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {signature}
              201
              OCI-Subject: {sha256 image}
            PUT /v2/a/manifests/{tag}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {fallback}
              201
            PUT /v2/a/manifests/{tag}.sig
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            PUT /v2/a/manifests/{tag}.sig
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {signature}
              201
            GET /v2/a/referrers/{sha256 image}?artifactType=application/vnd.dev.sigstore.bundle.v0.3%2Bjson
              200
            """);
        Assert.Single(script.LastBody.Split("\"digest\"")[1..]);
        Assert.Contains(script.Filled("{sha256 signature}"), script.LastBody, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, null, "/v2/")]
    [InlineData(true, "https://registry.example/", "/v2/")]
    [InlineData(false, "https://registry.example/", "https://registry.example/v2/")]
    [InlineData(false, null, "http://127.0.0.1:")]
    public async Task Locations_are_as_the_settings_say(bool isRelative, string? host, string start)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Http = s.Http with { RelativeUrls = isRelative, Host = host },
        });
        var script = new Script(registry);
        await script.PlayAsync("POST /v2/a/blobs/uploads/\n 202\n Location: {upload}");
        await script.PlayAsync("POST /v2/a/blobs/uploads/?digest={sha256 x}\n > x\n 201\n Location: {blob}");
        Assert.StartsWith(start, script["upload"], StringComparison.Ordinal);
        Assert.StartsWith(start, script["blob"], StringComparison.Ordinal);
        Assert.EndsWith(script.Filled("/v2/a/blobs/{sha256 x}"), script["blob"], StringComparison.Ordinal);
    }
}
