using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Pages;

namespace Berth.Tests.Api;

/// <summary>Who may do what in a repository, and where it comes from, in the API and on its page.</summary>
[Accounts]
public sealed class RepositoryAccessTests : IAsyncLifetime
{
    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageReader pages = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (admin, pages) = (new ImagePusher(registry, "admin"), new PageReader(registry));
        foreach (var name in new[] { "ann", "bob", "eve", "max" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        await admin.ApiAsync("POST", "/organizations", """{"name":"acme","owner":"ann"}""", 201);
        await admin.ApiAsync("PUT", "/organizations/acme/members/bob", """{"role":"reader"}""", 200);
        await admin.ApiAsync("PUT", "/organizations/acme/members/max", """{"role":"member"}""", 200);
        await admin.ApiAsync("POST", "/organizations/acme/teams", """{"name":"dev"}""", 201);
        await GrantAsync("\"names\":\"acme/app*\",\"team\":\"acme/dev\",\"role\":\"writer\"");
        await GrantAsync("\"names\":\"acme/other\",\"user\":\"eve\",\"role\":\"reader\"");
        await GrantAsync("\"names\":\"acme/app\",\"user\":\"eve\",\"actions\":[\"pull\",\"delete\"]");
        await GrantAsync("\"names\":\"**\",\"user\":\"bob\",\"role\":\"writer\"");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Owners_and_staff_see_who_may_do_what_page_by_page_and_nobody_else_does()
    {
        await admin.PushAsync("acme/app", "1", "layer");
        string[] all =
        [
            "user ann owner", "user bob reader", "team acme/dev writer", "user eve pull,delete", "user bob writer",
        ];
        foreach (var user in new[] { "ann", "admin" })
        {
            foreach (var size in new[] { 1, 2, 100 }) Assert.Equal(all, await ListAsync(user, size));
        }

        await new ImagePusher(registry, "bob").IsAsync("GET", "/api/v1/access?repository=acme/app", 403);
        await new ImagePusher(registry, "max").IsAsync("GET", "/api/v1/access?repository=acme/app", 404);
        await new ImagePusher(registry, "ann").IsAsync("GET", "/api/v1/access?repository=acme/gone", 404);
        await admin.IsAsync("GET", "/api/v1/access?repository=acme/app&last=x:1", 400);
        await admin.IsAsync("GET", "/api/v1/access?repository=acme/app&last=n:x", 400);

        var page = (await pages.GetAsync("/r/acme/app", "ann")).Is(200).Text;
        Assert.Contains("Who may do what", page);
        Assert.Contains("acme/dev", page);
        Assert.DoesNotContain("Who may do what", (await pages.GetAsync("/r/acme/app", "bob")).Is(200).Text);
        var more = (await pages.GetAsync("/r/acme/app/-/access", "ann")).Is(200).Text;
        Assert.Contains("grant for acme/app*", more);
        Assert.Contains("/settings/access?namespace=acme", more);
        (await pages.GetAsync("/r/acme/app/-/access", "bob")).Is(403);
        (await pages.GetAsync("/r/acme/app/-/access", "max")).Is(404);
        (await pages.GetAsync("/r/acme/app/-/access", null)).Is(303);
    }

    [Fact]
    public async Task A_users_own_namespace_is_theirs()
    {
        await admin.PushAsync("eve/app", "1", "layer");
        var items = (await new ImagePusher(registry, "eve").ApiAsync("GET", "/access?repository=eve/app", null, 200))
            .GetProperty("items");
        Assert.Equal(["eve", "bob"], items.EnumerateArray().Select(one => one.Of("name")));
    }

    [Fact]
    public async Task The_newest_image_says_where_its_source_is_and_only_addresses_of_the_web_are_links()
    {
        const string Labels = """
            {"os":"linux","architecture":"amd64","config":{"Labels":{
            "org.opencontainers.image.source":"https://git.example.com/acme/app?a=1&b=2",
            "org.opencontainers.image.url":"javascript:alert(1)",
            "org.opencontainers.image.documentation":"https://u:p@example.com/",
            "org.opencontainers.image.revision":"abc"}}}
            """;
        var image = await new ContentImages(registry).PushAsync("acme/app", "child", Labels);
        var source = await SourceAsync();
        Assert.Equal(
            ("https://git.example.com/acme/app?a=1&b=2", "", "", "abc"),
            (source.Of("source"), source.Of("url"), source.Of("documentation"), source.Of("revision")));
        var page = (await pages.GetAsync("/r/acme/app", "bob")).Is(200).Text;
        Assert.Contains("<a href=\"https://git.example.com/acme/app?a=1&amp;b=2\" rel=\"nofollow ugc noopener", page);
        Assert.DoesNotContain("javascript:", page);

        // Of an index, what one of its images says.
        await new ContentImages(registry).PushIndexAsync(
            "acme/app", "all", (image, """{"os":"linux","architecture":"amd64"}"""));
        Assert.Equal("abc", (await SourceAsync()).Of("revision"));

        // A newer image says nothing.
        await new ContentImages(registry).PushAsync("acme/app", "2", "{}");
        var silent = await admin.ApiAsync("GET", "/repositories/acme/app", null, 200);
        Assert.False(silent.TryGetProperty("source", out _));
    }

    private async Task<JsonElement> SourceAsync() =>
        (await admin.ApiAsync("GET", "/repositories/acme/app", null, 200)).GetProperty("source");

    private Task<JsonElement> GrantAsync(string fields) => admin.ApiAsync("POST", "/grants", $"{{{fields}}}", 201);

    private async Task<List<string>> ListAsync(string user, int size)
    {
        var (found, path) = (new List<string>(), $"/api/v1/access?repository=acme/app&n={size}");
        while (path is not null)
        {
            var (text, headers) = await new ImagePusher(registry, user).SendAsync("GET", path, null, null, 200);
            found.AddRange(JsonDocument.Parse(text).RootElement.GetProperty("items").EnumerateArray().Select(one =>
            {
                var may = one.Of("role") is { Length: > 0 } role ? role : string.Join(
                    ',', one.GetProperty("actions").EnumerateArray().Select(action => action.GetString()));
                return $"{one.Of("kind")} {one.Of("name")} {may}";
            }));
            path = headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        return found;
    }
}
