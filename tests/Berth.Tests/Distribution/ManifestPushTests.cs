using System.Security.Cryptography;
using System.Text;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Pushing and pulling manifests (distribution-spec, "Pushing Manifests" and "Pulling manifests").</summary>
public class ManifestPushTests
{
    [Fact]
    public async Task An_image_pushed_by_tag_is_served_by_tag_and_by_digest()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/v1.0
              Content-Type: application/vnd.oci.image.manifest.v1+json; charset=utf-8
              > {image}
              201
              Location: /v2/a/manifests/v1.0
              Docker-Content-Digest: {sha256 image}
              ETag: "{sha256 image}"
              OCI-Tag: -
              OCI-Subject: -
              Content-Length: 0
            GET /v2/a/manifests/v1.0
              200
              Content-Type: application/vnd.oci.image.manifest.v1+json
              Content-Length: {size image}
              Content-Encoding: -
              Transfer-Encoding: -
              Docker-Content-Digest: {sha256 image}
              < {image}
            HEAD /v2/a/manifests/{sha256 image}
              Accept-Encoding: gzip
              200
              Content-Type: application/vnd.oci.image.manifest.v1+json
              Content-Length: {size image}
              Docker-Content-Digest: {sha256 image}
            GET /v2/a/manifests/{sha256 image}
              If-None-Match: "{sha256 image}"
              304
              Docker-Content-Digest: {sha256 image}
            HEAD /v2/a/manifests/v1.0
              If-None-Match: "{sha256 image}"
              304
            GET /v2/a/manifests/v1.0
              If-None-Match: "{sha256 other}"
              200
            GET /v2/a/manifests/v1.1
              404 MANIFEST_UNKNOWN
            GET /v2/b/manifests/v1.0
              404 MANIFEST_UNKNOWN
            """);
    }

    [Fact]
    public async Task A_push_by_digest_sets_all_the_tags_it_names()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/{sha256 image}?tag=one&tag=two&tag=one
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
              Location: /v2/a/manifests/{sha256 image}
              OCI-Tag: one, two
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":["one","two"]}
            PUT /v2/a/manifests/{sha256 image}?tag=three&tag=not+valid
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              400 TAG_INVALID
            GET /v2/a/manifests/three
              404 MANIFEST_UNKNOWN
            PUT /v2/a/manifests/four?tag=five
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
              OCI-Tag: four, five
            GET /v2/a/manifests/five
              200
              < {image}
            """);
    }

    [Theory]
    [InlineData(100, "201")]
    [InlineData(101, "414 TAG_INVALID")]
    public async Task A_push_accepts_a_hundred_tags_and_no_more(int count, string status)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var tags = string.Join('&', Enumerable.Range(0, count).Select(i => $"tag=t{i}"));
        await script.PlayAsync(
            $$"""
            PUT /v2/a/manifests/{sha256 image}?{{tags}}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              {{status}}
            HEAD /v2/a/manifests/t42
              {{(status == "201" ? 200 : 404)}}
            """);
    }

    [Fact]
    public async Task A_sha512_image_stays_one_also_by_its_tag()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry);
        script["layer"] = "layer";
        script["image"] = Images.Oci().Replace(
            Digest.Of(DigestAlgorithm.Sha256, "layer"u8).Text, Digest.Of(DigestAlgorithm.Sha512, "layer"u8).Text,
            StringComparison.Ordinal);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 config}
              > {config}
              201
            POST /v2/a/blobs/uploads/?digest={sha512 layer}
              > {layer}
              201
            PUT /v2/a/manifests/{sha512 image}?tag=latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
              Location: /v2/a/manifests/{sha512 image}
              Docker-Content-Digest: {sha512 image}
            GET /v2/a/manifests/latest
              200
              Docker-Content-Digest: {sha512 image}
              < {image}
            GET /v2/a/manifests/{sha256 image}
              404 MANIFEST_UNKNOWN
            """);
    }

    [Fact]
    public async Task A_manifest_that_is_not_its_digest_is_refused()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/{sha256 other}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              400 DIGEST_INVALID
            PUT /v2/a/manifests/sha256:baddigeststring
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              400 DIGEST_INVALID
            GET /v2/a/manifests/sha256:baddigeststring
              400 DIGEST_INVALID
            PUT /v2/a/manifests/.INVALID_MANIFEST_NAME
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              400 TAG_INVALID
            GET /v2/a/manifests/.INVALID_MANIFEST_NAME
              404 MANIFEST_UNKNOWN
            HEAD /v2/a/manifests/.INVALID_MANIFEST_NAME
              404
            DELETE /v2/a/manifests/.INVALID_MANIFEST_NAME
              404 MANIFEST_UNKNOWN
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":[]}
            """);
    }

    [Fact]
    public async Task Manifests_of_four_megabytes_are_accepted_and_larger_ones_refused()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var frame = Images.Oci(""","filler":"" """.TrimEnd()).Length;
        script.Give(
            "largest", Encoding.ASCII.GetBytes(Images.Oci($",\"filler\":\"{new string('x', (4 << 20) - frame)}\"")));
        script.Give(
            "larger", Encoding.ASCII.GetBytes(Images.Oci($",\"filler\":\"{new string('x', (4 << 20) - frame + 1)}\"")));
        Assert.Equal($"{4 << 20}", script.Filled("{size largest}"));
        foreach (var how in new[] { "", "Transfer-Encoding: chunked" })
        {
            await script.PlayAsync(
                $$"""
                PUT /v2/a/manifests/largest
                  {{how}}
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {largest}
                  201
                GET /v2/a/manifests/largest
                  200
                  Content-Length: {size largest}
                  < {largest}
                PUT /v2/a/manifests/larger
                  {{how}}
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {larger}
                  413 SIZE_INVALID
                HEAD /v2/a/manifests/larger
                  404
                """);
        }
    }

    [Theory]
    [InlineData(
        "application/vnd.example.thing+json",
        """{"anything":[1,2,{"manifests":7,"annotations":9,"layers":"x"}],"mediaType":7}""")]
    [InlineData(
        "application/vnd.example.thing+json",
        """{"layers":7,"config":[],"manifests":{},"subject":"x","annotations":3}""")]
    [InlineData("application/json", """{"schemaVersion":2}""")]
    [InlineData("application/octet-stream", "no JSON at all")]
    [InlineData("application/vnd.example.list+json", "[]")]
    [InlineData("application/vnd.example.text+json", "\"text\"")]
    public async Task A_manifest_of_a_type_that_Berth_does_not_know_is_kept_as_pushed(string type, string body)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry);
        script.Give("type", Encoding.UTF8.GetBytes(type));
        script.Give("thing", Encoding.UTF8.GetBytes(body));
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/thing
              Content-Type: {type}
              > {thing}
              201
              Docker-Content-Digest: {sha256 thing}
            GET /v2/a/manifests/thing
              200
              Content-Type: {type}
              < {thing}
            """);
    }

    [Theory]
    [InlineData(MediaTypes.OciManifest, "", "application/vnd.oci.image.manifest.v1+json")]
    [InlineData(
        MediaTypes.DockerManifest, "application/vnd.docker.distribution.manifest.v2+json", MediaTypes.DockerManifest)]
    [InlineData("", "application/vnd.docker.distribution.manifest.v2+json", MediaTypes.DockerManifest)]
    [InlineData("", "", MediaTypes.OciManifest)]
    public async Task The_media_type_is_the_requests_or_the_bodys(string type, string stated, string served)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var field = $"\"mediaType\":\"{MediaTypes.OciManifest}\",";
        var replaced = stated.Length == 0 ? "" : $"\"mediaType\":\"{stated}\",";
        script["image"] = Images.Oci().Replace(field, replaced, StringComparison.Ordinal);
        await script.PlayAsync(
            $$"""
            PUT /v2/a/manifests/latest
              {{(type.Length == 0 ? "" : $"Content-Type: {type}")}}
              > {image}
              201
            GET /v2/a/manifests/latest
              Accept: application/vnd.docker.distribution.manifest.v1+json
              200
              Content-Type: {{served}}
              < {image}
            """);
    }

    [Fact]
    public async Task Layers_that_may_not_be_distributed_need_not_be_there()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        foreach (var type in new[]
        {
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        })
        {
            var layer = Images.Descriptor(type, "elsewhere", ""","urls":["https://example.com/layer"]""");
            script["foreign"] = Images.Oci().Replace(Images.LayerDescriptor, layer, StringComparison.Ordinal);
            await script.PlayAsync(
                """
                PUT /v2/a/manifests/latest
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {foreign}
                  201
                """);
        }
    }

    [Fact]
    public async Task Unusual_manifests_are_accepted()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script["no-layers"] = Images.Oci().Replace($"[{Images.LayerDescriptor}]", "[]", StringComparison.Ordinal);
        script["extra"] =
            Images.Oci(""","org.example":{"x":[1,null]},"annotations":{},"artifactType":"application/vnd.example" """);
        script["data"] = Images.Oci().Replace("\"size\":2", "\"size\":2,\"data\":\"e30=\"", StringComparison.Ordinal);
        script["spaced"] = Images.Oci().Replace(",", ",\n\t ", StringComparison.Ordinal);
        foreach (var name in new[] { "no-layers", "extra", "data", "spaced" })
        {
            script.Give("body", script.Bytes($"{{{name}}}"));
            await script.PlayAsync(
                """
                PUT /v2/a/manifests/unusual
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {body}
                  201
                GET /v2/a/manifests/unusual
                  200
                  Docker-Content-Digest: {sha256 body}
                  < {body}
                """);
        }
    }
}
