using System.Text;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Manifests that are not taken, and why.</summary>
[Slow]
public class ManifestRefusalTests
{
    public static TheoryData<string, string, string> Refused => new()
    {
        { MediaTypes.OciManifest, "", "not valid JSON" },
        { MediaTypes.OciManifest, "[]", "must be a JSON object" },
        { MediaTypes.OciManifest, "{}", "schemaVersion must be 2" },
        { MediaTypes.OciManifest, """{"schemaVersion":2}""", "'config'" },
        { MediaTypes.OciManifest, Images.Oci(",\"manifests\":[]"), "two types" },
        { MediaTypes.OciIndex, Images.Index("", ",\"layers\":[]"), "two types" },
        { MediaTypes.DockerManifestList, """{"schemaVersion":2,"layers":[]}""", "two types" },
        { MediaTypes.OciManifest, Images.Oci(",\"layers\":{}"), "'layers' must be a list" },
        { MediaTypes.OciIndex, Images.Oci(), "Content-Type" },
        { MediaTypes.OciIndex, Images.Index("7"), "descriptor" },
        { MediaTypes.OciArtifact, """{"blobs":[7]}""", "descriptor" },
        { MediaTypes.OciManifest, Images.Oci(",\"subject\":{\"digest\":\"sha256:1\",\"size\":1}"), "descriptor" },
        { MediaTypes.OciManifest, Images.Oci(",\"annotations\":{\"a\":1}"), "annotations" },
        { MediaTypes.OciManifest, Images.Oci(",\"artifactType\":\"a/b\\u0000\""), "control characters" },
        { MediaTypes.OciManifest, Images.Oci().Replace("\"size\":2", "\"size\":-2", StringComparison.Ordinal),
            "descriptor" },
        { MediaTypes.DockerSchema1, "{}", MediaTypes.DockerSchema1 },
        { MediaTypes.DockerSchema1Signed, """{"schemaVersion":1}""", MediaTypes.DockerSchema1Signed },
        { MediaTypes.DockerManifest, """{"schemaVersion":1}""", "schema 1" },
        { "", """{"schemaVersion":1,"fsLayers":[]}""", "schema 1" },
        { "rubbish", "{}", "not a media type" },
        { "text/html", "<script>1</script>", "under application/" },
        { "image/svg+xml", "<svg/>", "under application/" },
        { "text/html", Images.Oci(), "under application/" },
        { "multipart/form-data", "{}", "under application/" },
        { "text/plain", "no JSON at all", "not valid JSON" },
        { "application/x-www-form-urlencoded", "a=b", "not valid JSON" },
        { "", """{"schemaVersion":2,"mediaType":"text/html"}""", "under application/" },
        { "application/json", """{"schemaVersion":2,"mediaType":"image/png"}""", "under application/" },
        { "application/json", """{"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}""", "schema 1" },
        { "application/json", Images.Oci(",\"manifests\":[]"), "two types" },
        { "application/octet-stream", Images.Index("7"), "descriptor" },
        { "application/json", """{"schemaVersion":2,"manifests":[7]}""", "descriptor" },
        { "application/vnd.example.thing+json", Images.Oci(), "Content-Type" },
        { MediaTypes.DockerManifest, Images.Oci(), "Content-Type" },
        { "", """{"schemaVersion":2,"mediaType":"rubbish"}""", "not a media type" },
        { "", """{"schemaVersion":2,"mediaType":"a/b\r\nX-Injected: yes"}""", "not a media type" },
        { "", """{"schemaVersion":2,"mediaType":"a/\u00e9"}""", "not a media type" },
        { "", """{"schemaVersion":2,"mediaType":"application/\u00e9"}""", "not a media type" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task A_manifest_that_is_not_what_it_says_is_refused_with_the_reason(
        string type, string body, string reason)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script.Give("body", Encoding.UTF8.GetBytes(body));
        await script.PlayAsync(
            $$"""
            PUT /v2/a/manifests/latest
              {{(type.Length == 0 ? "" : $"Content-Type: {type}")}}
              > {body}
              400 MANIFEST_INVALID
            HEAD /v2/a/manifests/latest
              404
            """);
        Assert.Contains(reason, script.LastBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_blob_that_is_missing_is_named()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 config}
              > {config}
              201
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              404 MANIFEST_BLOB_UNKNOWN
            PUT /v2/b/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              404 MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN
            """);
        Assert.Contains(script.Filled("\"detail\":\"{sha256 config}\""), script.LastBody, StringComparison.Ordinal);
        Assert.Contains(script.Filled("\"detail\":\"{sha256 layer}\""), script.LastBody, StringComparison.Ordinal);
        await script.PlayAsync(
            """
            GET /v2/b/tags/list
              404 NAME_UNKNOWN
            GET /v2/_catalog
              200
              < {"repositories":[]}
            """);
    }

    [Fact]
    public async Task A_manifest_may_only_have_urls_that_the_settings_allow()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Validation = new ValidationSettings
            {
                Manifests = new ManifestValidationSettings
                {
                    Urls = new UrlValidationSettings { Allow = ["^https://good\\.example/"], Deny = ["secret"] },
                },
            },
        });
        var script = await Images.ScriptAsync(registry, "a");
        foreach (var (url, status) in new[]
        {
            ("https://good.example/layer", "201"),
            ("https://bad.example/layer", "400 MANIFEST_INVALID"),
            ("https://good.example/secret", "400 MANIFEST_INVALID"),
        })
        {
            var layer = Images.Descriptor(
                "application/vnd.oci.image.layer.nondistributable.v1.tar", "x", $",\"urls\":[\"{url}\"]");
            script["foreign"] = Images.Oci().Replace(Images.LayerDescriptor, layer, StringComparison.Ordinal);
            await script.PlayAsync(
                $$"""
                PUT /v2/a/manifests/latest
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {foreign}
                  {{status}}
                """);
        }
    }
}
