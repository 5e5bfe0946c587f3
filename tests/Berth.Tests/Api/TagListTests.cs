using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Api;

/// <summary>Lists of tags: their orders, pages and filters.</summary>
[Accounts]
public sealed class TagListTests : IAsyncLifetime
{
    private const string List = "/tags?repository=a/app";
    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private string small = "";

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        await admin.PushAsync("a/app", "2.0_rc1", "a large layer");
        small = await admin.PushAsync("a/app", "1.0", "s");
        await admin.ApiAsync("PUT", "/tags/Latest?repository=a/app", """{"target":"1.0"}""", 200);
        await admin.PushAsync("a/app", "1.5", "middling");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Theory]
    [InlineData("", "1.0 1.5 2.0_rc1 Latest")]
    [InlineData("&sort=name", "1.0 1.5 2.0_rc1 Latest")]
    [InlineData("&sort=-name", "Latest 2.0_rc1 1.5 1.0")]
    [InlineData("&sort=pushed", "2.0_rc1 1.0 Latest 1.5")]
    [InlineData("&sort=-pushed", "1.5 Latest 1.0 2.0_rc1")]
    [InlineData("&sort=size", "1.0 Latest 1.5 2.0_rc1")]
    [InlineData("&sort=-size", "2.0_rc1 1.5 Latest 1.0")]
    [InlineData("&matching=LATE", "Latest")]
    [InlineData("&matching=0_", "2.0_rc1")]
    [InlineData("&matching=1.&sort=-name", "1.5 1.0")]
    [InlineData("&matching=none", "")]
    public async Task Tags_come_in_the_order_that_is_asked_for_and_pages_join(string query, string names)
    {
        Assert.Equal(names, string.Join(' ', Names(await admin.ApiAsync("GET", List + query, null, 200))));
        var (read, path) = (new List<string>(), $"{List}&n=1{query}");
        while (path is not null)
        {
            var (text, headers) = await admin.SendAsync("GET", "/api/v1" + path, null, null, 200);
            read.AddRange(Names(JsonDocument.Parse(text).RootElement));
            path = headers.TryGetValues("Link", out var link)
                ? link.Single().Split('<', '>')[1].Split("/api/v1")[1] : null;
        }

        Assert.Equal(names, string.Join(' ', read));
    }

    [Fact]
    public async Task The_other_names_of_an_image_are_found()
    {
        var list = await admin.ApiAsync("GET", $"{List}&pointsTo={small}", null, 200);
        Assert.Equal(["1.0", "Latest"], Names(list));
    }

    [Fact]
    public async Task What_several_tags_keep_together_is_counted_once()
    {
        var free = await admin.ApiAsync("GET", "/usage/reclaimable?repository=a/app&tag=1.0&tag=Latest", null, 200);
        Assert.Equal(1, free.GetProperty("manifests").GetInt64());
        free = await admin.ApiAsync("GET", "/usage/reclaimable?repository=a/app&tag=1.0", null, 200);
        Assert.Equal(0, free.GetProperty("manifests").GetInt64());
        await admin.ApiAsync("GET", "/usage/reclaimable?repository=a/app&tag=none", null, 404);
    }

    [Theory]
    [InlineData("sort=age", "sort must be name, pushed, pulled or size")]
    [InlineData("sort=1", "sort must be")]
    [InlineData("sort=", "sort must be")]
    [InlineData("matching=%25", "matching must be part of a tag")]
    [InlineData("pointsTo=sha256:0", "pointsTo must be a digest")]
    [InlineData("sort=pushed&last=1.x", null)]
    [InlineData("sort=pushed&last=x", "last must be what the Link header")]
    [InlineData("sort=pushed&last=99999999999999999999.x", "last must be what")]
    public async Task What_means_nothing_is_refused(string query, string? words)
    {
        var answer = await admin.ApiAsync("GET", $"{List}&{query}", null, words is null ? 200 : 400);
        if (words is not null) Assert.Contains(words, answer.Of("detail"));
    }

    private static IEnumerable<string> Names(JsonElement list) =>
        list.GetProperty("items").EnumerateArray().Select(tag => tag.Of("name"));
}
