using System.Text;
using System.Text.Json;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Signatures, SBOMs and what else refers to a manifest (distribution-spec, "Listing Referrers").</summary>
public class ReferrerTests
{
    private const string Empty =
        """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""";

    private static string Subject(string content = "subject") =>
        $",\"subject\":{Images.Descriptor(MediaTypes.OciManifest, content)}";

    [Fact]
    public async Task A_manifest_without_referrers_has_an_empty_list_even_where_nothing_exists()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            $$"""
            GET /v2/nothing/here/referrers/{sha256 subject}
              200
              Content-Type: application/vnd.oci.image.index.v1+json
              OCI-Filters-Applied: -
              Link: -
              < {{Empty}}
            GET /v2/nothing/here/referrers/{sha512 subject}?artifactType=a/b
              200
              OCI-Filters-Applied: artifactType
              < {{Empty}}
            GET /v2/nothing/here/referrers/latest
              400 DIGEST_INVALID
            GET /v2/nothing/here/referrers/sha256:1
              400 DIGEST_INVALID
            GET /v2/nothing/here/referrers/{sha256 subject}?n=x
              400 PAGINATION_NUMBER_INVALID
            """);
    }

    [Fact]
    public async Task Referrers_are_listed_with_their_type_and_annotations()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        var annotations = """,  "annotations" : { "z":"é \" \u00e9", "a" : "1" }""";
        const string Type = ",\"artifactType\":\"application/vnd.example.sbom\"";
        script.Give("typed", Encoding.UTF8.GetBytes(Images.Oci(Type + annotations + Subject())));
        script.Give("untyped", Encoding.UTF8.GetBytes(Images.Oci(Subject())));
        script.Give("index", Encoding.UTF8.GetBytes(Images.Index("", Subject() + ",\"annotations\":{}")));
        script.Give("typed-index", Encoding.UTF8.GetBytes(Images.Index("", ",\"artifactType\":\"a/b\"" + Subject())));
        foreach (var (name, type) in new[]
        {
            ("typed", MediaTypes.OciManifest), ("untyped", MediaTypes.OciManifest),
            ("index", MediaTypes.OciIndex), ("typed-index", MediaTypes.OciIndex),
        })
        {
            script.Give("body", script.Bytes($"{{{name}}}"));
            await script.PlayAsync(
                $$"""
                PUT /v2/a/manifests/{sha256 body}
                  Content-Type: {{type}}
                  > {body}
                  201
                  OCI-Subject: {sha256 subject}
                PUT /v2/a/manifests/{{name}}
                  Content-Type: {{type}}
                  > {body}
                  201
                  OCI-Subject: {sha256 subject}
                """);
        }

        await script.PlayAsync("GET /v2/a/referrers/{sha256 subject}\n 200\n Link: -");
        using var list = JsonDocument.Parse(script.LastBody);
        var found = list.RootElement.GetProperty("manifests").EnumerateArray()
            .ToDictionary(m => m.GetProperty("digest").GetString()!);
        Assert.Equal(4, found.Count);
        Assert.Equal(found.Keys.Order(StringComparer.Ordinal), found.Keys);
        JsonElement Of(string name) => found[script.Filled($"{{sha256 {name}}}")];
        Assert.Equal("application/vnd.example.sbom", Of("typed").GetProperty("artifactType").GetString());
        Assert.Equal("é \" é", Of("typed").GetProperty("annotations").GetProperty("z").GetString());
        Assert.Equal(2, Of("typed").GetProperty("annotations").EnumerateObject().Count());
        Assert.Equal(script.Bytes("{typed}").Length, Of("typed").GetProperty("size").GetInt32());
        Assert.Equal("application/vnd.oci.image.config.v1+json", Of("untyped").GetProperty("artifactType").GetString());
        Assert.False(Of("untyped").TryGetProperty("annotations", out _));
        Assert.False(Of("index").TryGetProperty("artifactType", out _));
        Assert.Equal(MediaTypes.OciIndex, Of("index").GetProperty("mediaType").GetString());
        Assert.Equal("a/b", Of("typed-index").GetProperty("artifactType").GetString());

        await script.PlayAsync(
            """
            GET /v2/a/referrers/{sha256 subject}?artifactType=application/vnd.example.sbom
              200
              OCI-Filters-Applied: artifactType
            DELETE /v2/a/manifests/{sha256 untyped}
              202
            """);
        using var filtered = JsonDocument.Parse(script.LastBody);
        Assert.Equal(
            script.Filled("{sha256 typed}"),
            filtered.RootElement.GetProperty("manifests")[0].GetProperty("digest").GetString());
        Assert.Equal(1, filtered.RootElement.GetProperty("manifests").GetArrayLength());
        await script.PlayAsync("GET /v2/a/referrers/{sha256 subject}\n 200");
        Assert.DoesNotContain(script.Filled("{sha256 untyped}"), script.LastBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Referrers_in_one_repository_are_not_listed_in_another()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a", "b");
        script.Give("referrer", Encoding.UTF8.GetBytes(Images.Oci(Subject(Images.Oci()))));
        await script.PlayAsync(
            $$"""
            PUT /v2/a/manifests/{sha256 referrer}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {referrer}
              201
            PUT /v2/b/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET /v2/b/referrers/{sha256 image}
              200
              < {{Empty}}
            """);
    }

    [Theory]
    [InlineData("?n=3", 3)]
    [InlineData("?n=3&artifactType=a/b%2Bc", 3)]
    [InlineData("?n=3&artifactType=a/b+c", 3)]
    [InlineData("", 4)]
    [InlineData("?n=1000", 5)]
    public async Task A_walk_along_the_links_finds_each_referrer_once(string query, int pageSize)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with { DefaultPageEntries = 4, PageEntries = 5 },
        });
        var script = await Images.ScriptAsync(registry, "a");
        var pushed = new List<string>();
        for (var i = 0; i < 11; i++)
        {
            var fields = $$""","artifactType":"a/b+c","annotations":{"n":"{{i}}"}""" + Subject();
            script.Give("referrer", Encoding.UTF8.GetBytes(Images.Oci(fields)));
            pushed.Add(script.Filled("{sha256 referrer}"));
            await script.PlayAsync(
                """
                PUT /v2/a/manifests/{sha256 referrer}
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {referrer}
                  201
                """);
        }

        if (query.Contains("artifactType", StringComparison.Ordinal))
        {
            script.Give("other", Encoding.UTF8.GetBytes(Images.Oci(",\"artifactType\":\"a/other\"" + Subject())));
            await script.PlayAsync(
                """
                PUT /v2/a/manifests/{sha256 other}
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {other}
                  201
                """);
        }

        var pages = await WalkAsync(registry, script.Filled("/v2/a/referrers/{sha256 subject}") + query);
        Assert.Equal(pushed.Order(StringComparer.Ordinal), pages.SelectMany(p => p));
        Assert.All(pages.SkipLast(1), p => Assert.Equal(pageSize, p.Count));
        await script.PlayAsync($"GET /v2/a/referrers/{{sha256 subject}}?n=0\n 200\n Link: -\n < {Empty}");
    }

    [Fact]
    public async Task A_page_of_referrers_with_very_long_annotations_is_no_longer_than_a_manifest()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        foreach (var length in new[] { 1_500_000, 1_600_000, 1_700_000, 4_000_000, 10 })
        {
            var fields = $",\"annotations\":{{\"long\":\"{new string('x', length)}\"}}" + Subject();
            script.Give("referrer", Encoding.UTF8.GetBytes(Images.Oci(fields)));
            await script.PlayAsync(
                """
                PUT /v2/a/manifests/{sha256 referrer}
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {referrer}
                  201
                """);
        }

        await script.PlayAsync("GET /v2/a/referrers/{sha256 subject}?n=1000\n 200");
        Assert.InRange(script.LastBody.Length, 1, (4 << 20) + 10_000);
        var pages = await WalkAsync(registry, script.Filled("/v2/a/referrers/{sha256 subject}?n=1000"));
        Assert.Equal(5, pages.SelectMany(p => p).Distinct().Count());
        Assert.Equal(5, pages.Sum(p => p.Count));
    }

    private static Task<List<List<string>>> WalkAsync(RegistryFixture registry, string path) =>
        Lists.WalkAsync(registry, path, page =>
            [.. page.GetProperty("manifests").EnumerateArray().Select(m => m.GetProperty("digest").GetString()!)]);
}
