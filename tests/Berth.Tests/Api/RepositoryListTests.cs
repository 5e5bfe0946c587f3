using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Berth.Tests.Pages;

namespace Berth.Tests.Api;

/// <summary>Lists of repositories in other orders than that of their names, and of some of them.</summary>
[Accounts]
[Slow]
public sealed class RepositoryListTests : IAsyncLifetime
{
    private const string Arm = """{"os":"linux","architecture":"arm64"}""";
    private const string Amd =
        """{"os":"linux","architecture":"amd64","config":{"Labels":{"team":"web"}}}""";

    private const string Secret =
        """{"os":"linux","architecture":"arm64","config":{"Labels":{"team":"secret"}}}""";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        await admin.ApiAsync(
            "POST", "/users", $$"""{"name":"ann","password":"{{ImagePusher.Password}}"}""", 201);
        foreach (var (name, config) in new[]
        {
            ("ann/b", Amd), ("ann/a", Arm), ("open/c", Amd), ("secret/d", Secret),
        })
        {
            await admin.PushConfigAsync(name, "v1", config);
        }

        await admin.ApiAsync("PATCH", "/repositories/open/c", """{"isPublic":true}""", 200);
        await admin.ApiAsync("PUT", "/stars/ann/b", null, 204);
        await new ImagePusher(registry, "ann").ApiAsync("PUT", "/stars/ann/b", null, 204);
        await admin.ApiAsync("PUT", "/stars/open/c", null, 204);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Theory]
    [InlineData("admin", "sort=name", "ann/a ann/b open/c secret/d")]
    [InlineData("admin", "sort=pushed", "secret/d open/c ann/a ann/b")]
    [InlineData("admin", "sort=stars", "ann/b open/c ann/a secret/d")]
    [InlineData("admin", "sort=pulls", "ann/a ann/b open/c secret/d")]
    [InlineData("admin", "sort=pushed&namespace=ann", "ann/a ann/b")]
    [InlineData("admin", "platform=linux/arm64", "ann/a secret/d")]
    [InlineData("admin", "platform=linux/arm64&sort=pushed", "secret/d ann/a")]
    [InlineData("admin", "platform=linux/arm", "")]
    [InlineData("admin", "platform=%25", "")]
    [InlineData("admin", "type=image", "ann/a ann/b open/c secret/d")]
    [InlineData("admin", "type=other", "")]
    [InlineData("admin", "type=application/vnd.oci.image.config.v1%2Bjson&sort=pushed", "secret/d open/c ann/a ann/b")]
    [InlineData("admin", "visibility=public", "open/c")]
    [InlineData("admin", "visibility=private&sort=pushed", "secret/d ann/a ann/b")]
    [InlineData("admin", "starred=true&sort=stars", "ann/b open/c")]
    [InlineData("ann", "sort=pushed", "open/c ann/a ann/b")]
    [InlineData("ann", "sort=stars", "ann/b open/c ann/a")]
    [InlineData("ann", "sort=pulls&namespace=secret", "")]
    [InlineData("ann", "platform=linux/arm64", "ann/a")]
    [InlineData("ann", "visibility=private", "ann/a ann/b")]
    [InlineData("ann", "starred=true", "ann/b")]
    [InlineData("", "sort=pushed", "open/c")]
    [InlineData("", "starred=true", "")]
    [InlineData("admin", "label=Team=web", "ann/b open/c")]
    [InlineData("admin", "label=team=web&sort=pushed", "open/c ann/b")]
    [InlineData("admin", "label=team=web&platform=linux/amd64&namespace=ann", "ann/b")]
    [InlineData("admin", "label=team=we", "")]
    [InlineData("", "label=team=web", "open/c")]
    [InlineData("", "label=team=secret", "")]
    public async Task A_list_is_in_its_order_and_goes_on_with_the_next_page(string user, string query, string names)
    {
        foreach (var size in new[] { 1, 2, 100 })
            Assert.Equal(names, string.Join(' ', await NamesAsync(user, query, size)));
    }

    [Theory]
    [InlineData("sort=size")]
    [InlineData("visibility=secret")]
    [InlineData("official=maybe")]
    [InlineData("starred=1")]
    [InlineData("platform=a%20b")]
    [InlineData("label=team")]
    [InlineData("label==web")]
    [InlineData("sort=pulls&last=ann/a")]
    [InlineData("sort=pushed&last=-1:ann/a")]
    public async Task A_wrong_question_is_answered_with_what_is_wrong(string query) =>
        Assert.Equal(400, (int)(await AskAsync("admin", "/api/v1/repositories?" + query)).StatusCode);

    private async Task<List<JsonElement>> ItemsAsync(string path) =>
        [.. (await admin.ApiAsync("GET", path, null, 200)).GetProperty("items").EnumerateArray()];

    [Fact]
    public async Task The_newest_tag_is_the_one_that_moved_last_of_those_that_are_there()
    {
        await admin.PushConfigAsync("ann/b", "v2", Arm);
        Assert.Equal(("v2", "linux/arm64"), await NewestAsync());
        await admin.ApiAsync("PUT", "/tags/v1?repository=ann/b", """{"target":"v2"}""", 200);
        Assert.Equal(("v1", "linux/arm64"), await NewestAsync());
        await admin.IsAsync("DELETE", "/api/v1/tags/v1?repository=ann/b", 204);
        Assert.Equal(("v2", "linux/arm64"), await NewestAsync());

        // A signature, as cosign attaches it by a tag.
        var signed = (await admin.ApiAsync("GET", "/tags/v2?repository=ann/b", null, 200)).Of("digest");
        await admin.PushAsync("ann/b", signed.Replace(':', '-') + ".sig", "a signature");
        Assert.Equal(("v2", "linux/arm64"), await NewestAsync());
        Assert.Equal(2, (await ItemsAsync("/tags?repository=ann/b")).Count);
        Assert.Equal(["v2"], (await ItemsAsync("/tags?repository=ann/b&attached=false")).Select(tag => tag.Of("name")));
        Assert.DoesNotContain(
            await ItemsAsync("/activity"), move => move.GetRawText().Contains(".sig", StringComparison.Ordinal));
        await admin.IsAsync("DELETE", "/api/v1/tags/v2?repository=ann/b", 204);
        Assert.Equal(("", ""), await NewestAsync());
        var before = await NamesAsync("admin", "sort=pushed", 100);
        Assert.Equal("ann/b", before[^1]);
        await admin.ApiAsync("POST", "/repositories/moves", """{"from":"ann/a","to":"ann/z"}""", 200);
        Assert.Equal("v1", (await admin.ApiAsync("GET", "/repositories/ann/z", null, 200)).Of("newestTag"));
        Assert.Contains("ann/z", await NamesAsync("admin", "platform=linux/arm64", 100));
    }

    [Fact]
    public async Task Only_administrators_say_what_is_official_and_a_new_repository_of_the_name_is_not()
    {
        var ann = new ImagePusher(registry, "ann");
        await ann.ApiAsync("PATCH", "/repositories/ann/b", """{"isOfficial":true}""", 403);
        await admin.ApiAsync("PATCH", "/repositories/ann/b", """{"isOfficial":true}""", 200);
        await admin.ApiAsync("PATCH", "/repositories/secret/d", """{"isOfficial":true}""", 200);
        Assert.Equal("ann/b secret/d", string.Join(' ', await NamesAsync("admin", "official=true", 1)));
        Assert.Equal("ann/b", string.Join(' ', await NamesAsync("ann", "official=true&sort=stars", 1)));
        await admin.IsAsync("DELETE", "/api/v1/repositories/ann/b", 204);
        await admin.PushConfigAsync("ann/b", "v1", Amd);
        Assert.Equal("secret/d", string.Join(' ', await NamesAsync("admin", "official=true", 1)));
    }

    [Fact]
    public async Task What_happened_lately_is_told_to_those_who_may_pull_there()
    {
        await admin.IsAsync("DELETE", "/api/v1/tags/v1?repository=ann/a", 204);
        var seen = await ItemsAsync("ann", "/api/v1/activity");
        Assert.Equal(
            ["ann/a:v1 deleted", "open/c:v1 push", "ann/a:v1 push", "ann/b:v1 push"],
            seen.Select(one => $"{one.Of("repository")}:{one.Of("tag")} {one.Of("action")}"));
        Assert.All(seen, one => Assert.NotEqual("", one.Of("movedBy")));
        Assert.All(await ItemsAsync("", "/api/v1/activity"), one => Assert.False(one.TryGetProperty("movedBy", out _)));
        Assert.Equal(["open/c"], (await ItemsAsync("", "/api/v1/activity")).Select(one => one.Of("repository")));
        Assert.Equal("secret/d", (await ItemsAsync("admin", "/api/v1/activity"))[1].Of("repository"));
    }

    [Fact]
    public async Task A_namespace_tells_its_storage_to_its_owner_and_whose_it_is_to_those_who_see_something_there()
    {
        await admin.ApiAsync("PUT", "/quotas/ann", """{"maxBytes":1000000}""", 200);
        var mine = Assert.Single(await ItemsAsync("ann", "/api/v1/namespaces"));
        Assert.Equal(("ann", "user", "2", "1000000"), (
            mine.Of("name"), mine.Of("kind"), mine.Of("repositories"), mine.Of("maxBytes")));
        Assert.True(mine.GetProperty("usedBytes").GetInt64() > 0);
        var open = Assert.Single(await ItemsAsync("ann", "/api/v1/namespaces?namespace=open"));
        Assert.Equal(("none", "1", ""), (open.Of("kind"), open.Of("repositories"), open.Of("usedBytes")));
        Assert.Empty(await ItemsAsync("ann", "/api/v1/namespaces?namespace=secret"));
        Assert.Empty(await ItemsAsync("", "/api/v1/namespaces?namespace=ann"));
    }

    /// <summary>Whoever is not signed in is told what happened, and not who did it.</summary>
    [Fact]
    public async Task Names_of_users_are_for_those_who_are_signed_in()
    {
        var image = await admin.PushConfigAsync("open/c", "v2", Amd);
        await admin.PushConfigAsync("open/c", image.Replace(':', '-') + ".sig", "{}");
        foreach (var path in new[]
        {
            "tags?", "tags/v2?", "tags/v2/history?", "images/v2?", "images/v2/referrers?", "activity?",
        })
        {
            foreach (var (user, isTold) in new[] { ("", false), ("ann", true) })
            {
                using var answer = await AskAsync(user, $"/api/v1/{path}repository=open/c");
                var text = await answer.Content.ReadAsStringAsync(Stop);
                Assert.Equal((path, 200, isTold), (path, (int)answer.StatusCode, text.Contains("By\":\"admin\"")));
                Assert.Equal(isTold, text.Contains("admin"));
            }
        }

        foreach (var path in new[] { "", ":v2", ":v2/-/history", ":v2/-/referrers" })
        {
            foreach (var (user, isTold) in new[] { ((string?)null, false), ("ann", true) })
            {
                var page = await new PageClient(registry, user).GetAsync("/r/open/c" + path);
                Assert.Equal((path, isTold), (path, page.Text.Contains("admin")));
            }
        }
    }

    private async Task<(string Tag, string Platforms)> NewestAsync()
    {
        var shown = await admin.ApiAsync("GET", "/repositories/ann/b", null, 200);
        return (shown.Of("newestTag"), string.Join(
            ' ', shown.GetProperty("platforms").EnumerateArray().Select(one => one.GetString())));
    }

    private async Task<List<string>> NamesAsync(string user, string query, int size)
    {
        var names = new List<string>();
        for (var path = $"/api/v1/repositories?{query}&n={size}"; path is not null;)
        {
            using var answer = await AskAsync(user, path);
            var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;
            Assert.True(answer.IsSuccessStatusCode, body.ToString());
            var items = body.GetProperty("items").EnumerateArray().Select(one => one.Of("name")).ToList();
            Assert.InRange(items.Count, 0, size);
            names.AddRange(items);
            path = answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        return names;
    }

    private async Task<List<JsonElement>> ItemsAsync(string user, string path)
    {
        using var answer = await AskAsync(user, path);
        Assert.Equal(200, (int)answer.StatusCode);
        return [.. JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("items").EnumerateArray()];
    }

    private async Task<HttpResponseMessage> AskAsync(string user, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (user.Length > 0)
        {
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(AccountsOf.Basic(
                user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
        }

        return await registry.Client.SendAsync(request, Stop);
    }
}
