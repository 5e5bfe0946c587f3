using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Search;

/// <summary>What docker search and podman search ask.</summary>
[Inside]
public sealed class DockerSearchTests : IAsyncLifetime
{
    private SearchFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await SearchFixture.StartAsync();
        foreach (var name in new[] { "library/nginx", "red/nginx", "blue/nginx" }) await registry.PushAsync(name, "1");
        await registry.ChangeAsync("library/nginx", """{"isPublic":true,"isOfficial":true,"description":"Pages"}""");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task The_registry_says_that_it_stands_alone()
    {
        using var answer = await registry.Registry.Client.GetAsync("/v1/_ping", Stop);
        Assert.Equal("true", answer.Headers.GetValues("X-Docker-Registry-Standalone").Single());
        Assert.Equal("""{"standalone":true}""", await answer.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task Everyone_finds_what_they_may_pull()
    {
        var red = await registry.UserAsync("ray", "red/**");
        Assert.Equal("blue/nginx library/nginx red/nginx", Sorted(await AskAsync(registry.Admin, "q=nginx&n=25")));
        Assert.Equal("library/nginx red/nginx", Sorted(await AskAsync(red, "q=ngin")));
        using var answer = await registry.Registry.Client.GetAsync("/v1/search?q=nginx", Stop);
        var json = await answer.Content.ReadAsStringAsync(Stop);
        Assert.Equal(
            """
            {"query":"nginx","num_results":1,"num_pages":1,"page":1,"page_size":25,"results":[{"name":"library/nginx",
            "description":"Pages","star_count":0,"is_official":true,"is_automated":false}]}
            """.ReplaceLineEndings(""), json);
        var wrong = new ImagePusher(registry.Registry, "ray") { Secret = "wrong" };
        await wrong.IsAsync("GET", "/v1/search?q=nginx", 401);
    }

    [Fact]
    public async Task Pages_are_counted_and_whatever_is_typed_is_answered()
    {
        var first = await AskAsync(registry.Admin, "q=nginx&n=2");
        var second = await AskAsync(registry.Admin, "q=nginx&n=2&page=2");
        Assert.Equal(("3", "2", "2"), (first.Of("num_results"), first.Of("num_pages"), second.Of("page")));
        Assert.Equal(
            "blue/nginx library/nginx red/nginx",
            string.Join(' ', $"{Sorted(first)} {Sorted(second)}".Split(' ').Order(StringComparer.Ordinal)));
        foreach (var query in new[]
        {
            "", "q=", "q=%00", "q=nginx&n=0", "q=nginx&n=-1", "q=nginx&n=x", "q=nginx&page=2147483647",
            "q=nginx&page=99999999999", "q=is:nice", "q=%22*%27", "q=" + new string('a', 1000),
        })
        {
            Assert.Equal(JsonValueKind.Array, (await AskAsync(registry.Admin, query)).GetProperty("results").ValueKind);
        }
    }

    private static async Task<JsonElement> AskAsync(ImagePusher user, string query) =>
        JsonDocument.Parse(await user.TextAsync("/v1/search?" + query)).RootElement;

    private static string Sorted(JsonElement found) => string.Join(
        ' ', found.GetProperty("results").EnumerateArray().Select(one => one.Of("name")).Order(StringComparer.Ordinal));
}
