using System.Text.Json;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>The lists of tags and of repositories, page by page (distribution-spec, "Listing Tags").</summary>
public class ListTests
{
    private static readonly string[] Tags =
        ["1", "10", "9", "A", "Z", "_", "a", "a-b", "a.b", "a_b", "aa", "latest", "z"];

    [Theory]
    [InlineData("", 13)]
    [InlineData("?n=1", 1)]
    [InlineData("?n=5", 5)]
    [InlineData("?n=13", 13)]
    [InlineData("?n=14", 13)]
    [InlineData("?n=9223372036854775807", 13)]
    public async Task A_walk_along_the_links_finds_each_tag_once_in_order(string query, int pageSize)
    {
        await using var registry = await WithTagsAsync(s => s);
        var pages = await Lists.WalkAsync(registry, "/v2/a/tags/list" + query, Lists.Tags);
        Assert.Equal(Tags.Order(StringComparer.Ordinal), pages.SelectMany(p => p));
        Assert.All(pages.SkipLast(1), p => Assert.Equal(pageSize, p.Count));
    }

    [Fact]
    public async Task A_page_larger_than_the_limit_is_cut_and_continues_by_its_link()
    {
        await using var registry = await WithTagsAsync(s => s with { Limits = s.Limits with { PageEntries = 4 } });
        foreach (var query in new[] { "?n=100", "?n=4" })
        {
            var pages = await Lists.WalkAsync(registry, "/v2/a/tags/list" + query, Lists.Tags);
            Assert.Equal([4, 4, 4, 1], pages.Select(p => p.Count));
            Assert.Equal(Tags.Order(StringComparer.Ordinal), pages.SelectMany(p => p));
        }
    }

    [Fact]
    public async Task Pages_are_as_requested()
    {
        await using var registry = await WithTagsAsync(s => s);
        await new Script(registry).PlayAsync(
            """
            GET /v2/a/tags/list?n=0
              200
              Link: -
              Content-Type: application/json
              < {"name":"a","tags":[]}
            GET /v2/a/tags/list?n=2&last=A
              200
              Link: </v2/a/tags/list?n=2&last=_>; rel="next"
              < {"name":"a","tags":["Z","_"]}
            GET /v2/a/tags/list?n=2&last=B
              200
              < {"name":"a","tags":["Z","_"]}
            GET /v2/a/tags/list?last=latest
              200
              Link: -
              < {"name":"a","tags":["z"]}
            GET /v2/a/tags/list?n=5&last=latest
              200
              Link: -
              < {"name":"a","tags":["z"]}
            GET /v2/a/tags/list?last=zz
              200
              Link: -
              < {"name":"a","tags":[]}
            GET /v2/a/tags/list?last=%00%ff%F0%9F%98%80'%22
              200
            GET /v2/a/tags/list?n=-1
              400 PAGINATION_NUMBER_INVALID
            GET /v2/a/tags/list?n=two
              400 PAGINATION_NUMBER_INVALID
            GET /v2/a/tags/list?n=&last=latest
              200
              < {"name":"a","tags":["z"]}
            GET /v2/a/tags/list?n=1.5
              400 PAGINATION_NUMBER_INVALID
            GET /v2/missing/tags/list
              404 NAME_UNKNOWN
            GET /v2/missing/tags/list?n=0
              404 NAME_UNKNOWN
            """);
    }

    [Fact]
    public async Task A_repository_where_nothing_was_finished_does_not_exist()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
            POST /v2/a/blobs/uploads/?digest={sha256 right}
              > wrong
              400 DIGEST_INVALID
            GET /v2/a/tags/list
              404 NAME_UNKNOWN
            POST /v2/a/blobs/uploads/?digest={sha256 right}
              > right
              201
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":[]}
            GET /v2/_catalog
              200
              < {"repositories":[]}
            """);
    }

    [Theory]
    [InlineData("", 9)]
    [InlineData("?n=1", 1)]
    [InlineData("?n=3", 3)]
    [InlineData("?n=4", 4)]
    [InlineData("?n=100000", 4)]
    public async Task A_walk_through_the_catalog_finds_each_repository_once(string query, int pageSize)
    {
        await using var registry =
            await RegistryFixture.StartAsync(s => s with { Catalog = new CatalogSettings { MaxEntries = 4 } });
        string[] names = ["a", "a-b", "a.b", "a/b", "a0", "b", "b/c/d", "c__d", "library/x"];
        foreach (var name in names)
        {
            var script = await Images.ScriptAsync(registry, name);
            await script.PlayAsync(
                $$"""
                PUT /v2/{{name}}/manifests/latest
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {image}
                  201
                """);
        }

        var pages = await Lists.WalkAsync(
            registry, "/v2/_catalog" + query, page => Lists.Texts(page.GetProperty("repositories")));
        Assert.Equal(names.Order(StringComparer.Ordinal), pages.SelectMany(p => p));
        Assert.All(pages.SkipLast(1), p => Assert.Equal(pageSize, p.Count));
        await new Script(registry).PlayAsync(
            """
            GET /v2/_catalog?n=0
              200
              Link: -
              < {"repositories":[]}
            GET /v2/_catalog?n=-1
              400 PAGINATION_NUMBER_INVALID
            GET /v2/_catalog?last=b/c&n=1
              200
              Link: </v2/_catalog?n=1&last=b%2Fc%2Fd>; rel="next"
              < {"repositories":["b/c/d"]}
            """);
    }

    private static async Task<RegistryFixture> WithTagsAsync(Func<RegistrySettings, RegistrySettings> configure)
    {
        var registry = await RegistryFixture.StartAsync(configure);
        var script = await Images.ScriptAsync(registry, "a");
        script["tags"] = string.Join('&', Tags.Select(t => "tag=" + t));
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/{sha256 image}?{tags}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            """);
        return registry;
    }
}

/// <summary>Walks along the Link headers of a list.</summary>
internal static class Lists
{
    public static async Task<List<List<string>>> WalkAsync(
        RegistryFixture registry, string path, Func<JsonElement, List<string>> read)
    {
        var pages = new List<List<string>>();
        for (string? next = path; next is not null;)
        {
            Assert.True(pages.Count < 50, $"the walk does not end: {next}");
            using var response = await registry.Client.GetAsync(
                new Uri(registry.BaseAddress, next), TestContext.Current.CancellationToken);
            response.EnsureSuccessStatusCode();
            var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            using var json = JsonDocument.Parse(body);
            pages.Add(read(json.RootElement));
            next = response.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        return pages;
    }

    public static List<string> Tags(JsonElement page) => Texts(page.GetProperty("tags"));

    public static List<string> Texts(JsonElement list) => [.. list.EnumerateArray().Select(t => t.GetString()!)];
}
