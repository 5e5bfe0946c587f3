using System.Globalization;
using System.Text.Json;

namespace Berth.Tests.Distribution;

/// <summary>What the registry answers beyond the specification, and says so.</summary>
public sealed class ExtensionTests
{
    [Fact]
    public async Task The_registry_and_a_repository_say_which_extensions_they_answer()
    {
        await using var registry = await WithTagsAsync("1");
        await new Script(registry).PlayAsync(
            """
            GET /v2/_oci/ext/discover
              200
              Content-Type: application/json
            GET /v2/acme/app/_oci/ext/discover
              200
              Content-Type: application/json
            GET /v2/missing/_oci/ext/discover
              404 NAME_UNKNOWN
            GET /v2/Acme/_oci/ext/discover
              400 NAME_INVALID
            GET /v2/_oci/ext/other
              404
            POST /v2/_oci/ext/discover
              405 UNSUPPORTED
            """);
        foreach (var (path, endpoint) in new[]
        {
            ("/v2/_oci/ext/discover", "/v2/<name>/_berth/tags/detail"),
            ("/v2/acme/app/_oci/ext/discover", "/v2/acme/app/_berth/tags/detail"),
        })
        {
            var list = (await ReadAsync(registry, path)).GetProperty("extensions").EnumerateArray().ToList();
            Assert.Equal(["_oci", "_berth"], list.Select(one => one.GetProperty("name").GetString()));
            Assert.All(list, one => Assert.NotEmpty(one.GetProperty("url").GetString()!));
            Assert.Equal(endpoint, list[1].GetProperty("endpoints")[0].GetString());
        }
    }

    [Fact]
    public async Task Tags_are_listed_with_what_they_point_to_and_when_page_by_page()
    {
        string[] tags = ["1.0", "1.1", "latest", "v2"];
        await using var registry = await WithTagsAsync(tags);
        var names = new List<string>();
        foreach (var page in await Lists.WalkAsync(
            registry, "/v2/acme/app/_berth/tags/detail?n=3",
            page => [.. page.GetProperty("tags").EnumerateArray().Select(tag => tag.GetRawText())]))
        {
            Assert.InRange(page.Count, 1, 3);
            foreach (var tag in page.Select(one => JsonDocument.Parse(one).RootElement))
            {
                names.Add(tag.GetProperty("name").GetString()!);
                Assert.StartsWith("sha256:", tag.GetProperty("digest").GetString(), StringComparison.Ordinal);
                Assert.Equal(7, tag.GetProperty("contentBytes").GetInt64());
                var moved = tag.GetProperty("movedAt").GetString()!;
                Assert.EndsWith("Z", moved, StringComparison.Ordinal);
                var at = DateTimeOffset.Parse(moved, CultureInfo.InvariantCulture);
                var now = TimeProvider.System.GetUtcNow();
                Assert.InRange(at, now.AddMinutes(-10), now.AddMinutes(1));
            }
        }

        Assert.Equal(tags, names);
        await new Script(registry).PlayAsync(
            """
            GET /v2/acme/app/_berth/tags/detail?n=2&last=1.1
              200
              Link: -
            GET /v2/acme/app/_berth/tags/detail?n=1&last=1.1
              200
              Link: </v2/acme/app/_berth/tags/detail?n=1&last=latest>; rel="next"
            GET /v2/acme/app/_berth/tags/detail?n=0
              200
              < {"name":"acme/app","tags":[]}
            GET /v2/acme/app/_berth/tags/detail?last=zz%00
              200
              < {"name":"acme/app","tags":[]}
            GET /v2/acme/app/_berth/tags/detail?n=two
              400 PAGINATION_NUMBER_INVALID
            GET /v2/missing/_berth/tags/detail
              404 NAME_UNKNOWN
            DELETE /v2/acme/app/_berth/tags/detail
              405 UNSUPPORTED
            """);
    }

    private static async Task<RegistryFixture> WithTagsAsync(params string[] tags)
    {
        var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "acme/app");
        foreach (var tag in tags)
        {
            await script.PlayAsync(
                $$"""
                PUT /v2/acme/app/manifests/{{tag}}
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {image}
                  201
                """);
        }

        return registry;
    }

    private static async Task<JsonElement> ReadAsync(RegistryFixture registry, string path)
    {
        var text = await registry.Client.GetStringAsync(path, TestContext.Current.CancellationToken);
        return JsonDocument.Parse(text).RootElement;
    }
}
