using System.Text;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>Which media type a manifest gets, and that none can be used to attack its readers.</summary>
public class ManifestTypeTests
{
    private const string DockerImage =
        """{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":""";

    /// <summary>A request's Content-Type, and what its body states.</summary>
    public static TheoryData<string, string, string> Generic
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            string[] headers =
            [
                "", "application/json", "application/json; charset=utf-8", "Application/JSON", "text/plain",
                "application/octet-stream", "application/x-www-form-urlencoded",
            ];
            foreach (var header in headers)
            {
                data.Add(header, Images.Oci(), MediaTypes.OciManifest);
                data.Add(
                    header, $"{DockerImage}{Images.ConfigDescriptor},\"layers\":[{Images.LayerDescriptor}]}}",
                    MediaTypes.DockerManifest);
                data.Add(
                    header, $$"""{"schemaVersion":2,"config":{{Images.ConfigDescriptor}},"layers":null}""",
                    MediaTypes.OciManifest);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Generic))]
    public async Task An_image_sent_with_a_generic_type_gets_the_type_in_its_body_and_needs_its_blobs(
        string header, string body, string type)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script.Give("body", Encoding.UTF8.GetBytes(body));
        await script.PlayAsync(
            $$"""
            PUT /v2/empty/manifests/latest
              {{(header.Length == 0 ? "" : $"Content-Type: {header}")}}
              > {body}
              404 MANIFEST_BLOB_UNKNOWN{{(body.Contains("\"layers\":[", StringComparison.Ordinal)
                ? " MANIFEST_BLOB_UNKNOWN" : "")}}
            PUT /v2/a/manifests/latest
              {{(header.Length == 0 ? "" : $"Content-Type: {header}")}}
              > {body}
              201
            GET /v2/a/manifests/latest
              200
              Content-Type: {{type}}
              < {body}
            """);
    }

    [Theory]
    [InlineData(MediaTypes.OciManifest, "\"layers\":null")]
    [InlineData(MediaTypes.OciManifest, "\"annotations\":null")]
    [InlineData(MediaTypes.OciManifest, "\"layers\":[],\"subject\":null")]
    [InlineData(MediaTypes.DockerManifest, "\"layers\":null")]
    public async Task An_image_without_layers_is_accepted(string type, string fields)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script["image"] =
            $$"""{"schemaVersion":2,"mediaType":"{{type}}","config":{{Images.ConfigDescriptor}},{{fields}}}""";
        await TakesAsync(script, type);
    }

    [Theory]
    [InlineData(MediaTypes.OciIndex, "")]
    [InlineData(MediaTypes.OciIndex, ",\"manifests\":null")]
    [InlineData(MediaTypes.DockerManifestList, ",\"manifests\":null")]
    [InlineData(MediaTypes.DockerManifestList, ",\"annotations\":null")]
    public async Task An_index_without_manifests_is_accepted(string type, string fields)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry);
        script["image"] = $$"""{"schemaVersion":2,"mediaType":"{{type}}"{{fields}}}""";
        await TakesAsync(script, type);
    }

    [Fact]
    public async Task No_browser_guesses_the_type_of_what_was_pushed_or_runs_it()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            """);
        foreach (var path in new[]
        {
            "manifests/latest", "manifests/{sha256 image}", "blobs/{sha256 layer}", "blobs/{sha256 layer}",
        })
        {
            foreach (var (method, header, status) in new[]
            {
                ("GET", "", 200), ("HEAD", "", 200), ("GET", "Range: bytes=0-1", path[0] == 'b' ? 206 : 200),
                ("GET", "Range: bytes=0-0,2-3", path[0] == 'b' ? 206 : 200),
            })
            {
                await script.PlayAsync(
                    $$"""
                    {{method}} /v2/a/{{path}}
                      {{header}}
                      {{status}}
                      X-Content-Type-Options: nosniff
                      Content-Security-Policy: sandbox; default-src 'none'
                    """);
            }
        }
    }

    private static Task TakesAsync(Script script, string type) => script.PlayAsync(
        $$"""
        PUT /v2/a/manifests/latest
          Content-Type: {{type}}
          > {image}
          201
        GET /v2/a/manifests/latest
          200
          Content-Type: {{type}}
          < {image}
        """);
}
