using System.Net.Http.Headers;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The front page and the lists of repositories.</summary>
[Accounts]
public sealed class ExploreTests : IAsyncLifetime
{
    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        await admin.ApiAsync(
            "POST", "/users",
            $$"""{"name":"ann","fullName":"<b>Ann</b>","password":"{{ImagePusher.Password}}"}""", 201);
        foreach (var name in new[] { "ann/first", "open/app", "secret/app" })
            await admin.PushConfigAsync(name, "v1", """{"os":"linux","architecture":"arm64"}""");
        await admin.ApiAsync(
            "PATCH", "/repositories/open/app",
            """{"isPublic":true,"isOfficial":true,"description":"<i>Open</i>"}""", 200);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task The_front_page_has_my_namespaces_the_latest_pushes_and_what_happened_and_nothing_hidden()
    {
        await admin.ApiAsync("PUT", "/quotas/ann", """{"maxBytes":1000000}""", 200);
        await new ImagePusher(registry, "ann").ApiAsync("PUT", "/stars/open/app", null, 204);
        var page = await PageAsync("/", "ann");
        Assert.Contains("<a class=\"name\" href=\"/explore?namespace=ann\">ann</a>", page);
        Assert.Contains("<meter aria-label=\"What ann keeps of its quota\"", page);
        Assert.Contains("1 repository", page);
        Assert.Contains("admin pushed\n<a href=\"/r/ann/first:v1\">", page.Replace("\r", ""));
        Assert.Contains("starred=true", page);
        Assert.DoesNotContain("secret/app", page);
        var anonymous = await PageAsync("/", null);
        Assert.Contains("open/app", anonymous);
        Assert.DoesNotContain("ann/first", anonymous);
        Assert.DoesNotContain("Your namespaces", anonymous);
    }

    [Fact]
    public async Task Filters_and_order_are_links_that_keep_the_rest_of_the_address()
    {
        var page = await PageAsync("/explore?sort=pushed&platform=linux/arm64", "ann");
        Assert.Contains("open/app", page);
        Assert.Contains("<span class=\"chip accent\" title=\"Administrators", page);
        Assert.Contains("&lt;i&gt;Open&lt;/i&gt;", page);
        Assert.Contains("<li class=\"chip\">linux/arm64</li>", page);
        Assert.Contains(
            "class=\"chip on\" aria-current=\"true\" href=\"/explore?platform=linux%2Farm64\">Last push", page);
        Assert.Contains("href=\"/explore?sort=pushed\">linux/arm64</a>", page);
        Assert.Contains("href=\"/explore?sort=pushed&amp;platform=linux%2Farm64&amp;official=true\"", page);
        Assert.True(page.IndexOf("open/app", StringComparison.Ordinal) < page.IndexOf(
            "ann/first", StringComparison.Ordinal));
        var none = await PageAsync("/explore?platform=windows/amd64", "ann");
        Assert.Contains("No repository that you may see fits these filters.", none);
    }

    [Fact]
    public async Task What_happened_lately_is_told_to_everyone_and_by_whom_to_users_alone()
    {
        Assert.Matches("admin pushed\\s*<a href=\"/r/open/app:", await PageAsync("/", "ann"));
        var page = await PageAsync("/", null);
        Assert.Matches(">Pushed\\s*<a href=\"/r/open/app:", page);
        Assert.DoesNotContain("admin", page);
    }

    [Fact]
    public async Task A_label_filters_beside_what_else_does()
    {
        await admin.PushConfigAsync("open/app", "v2", """{"os":"linux","config":{"Labels":{"team":"<web>"}}}""");
        var page = await PageAsync("/explore?sort=pushed&label=team%3D%3Cweb%3E", "ann");
        Assert.Contains("/r/open/app", page);
        Assert.DoesNotContain("/r/ann/first", page);
        Assert.Contains(
            "<a class=\"chip on\" aria-current=\"true\" href=\"/explore?sort=pushed\">team=&lt;web&gt;", page);
        page = await PageAsync("/explore?sort=pushed", "ann");
        Assert.Contains("<input type=\"hidden\" name=\"sort\" value=\"pushed\">", page);
        Assert.Contains("That did not work", await PageAsync("/explore?label=team", "ann", 400));
    }

    [Fact]
    public async Task Staff_see_on_the_front_page_what_the_registry_keeps()
    {
        var page = await PageAsync("/", "admin");
        Assert.Contains("/settings/storage", page);
        Assert.Contains("Largest namespaces", page);
        Assert.DoesNotContain("/settings/storage", await PageAsync("/", "ann"));
    }

    [Fact]
    public async Task A_refused_change_says_what_it_takes_and_who_gives_it()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/r/open/app/-/settings");
        request.Headers.TryAddWithoutValidation("Accept", "text/html");
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(
            AccountsOf.Basic("ann", ImagePusher.Password));
        request.Content = new FormUrlEncodedContent([]);
        using var answer = await registry.Client.SendAsync(request, Stop);
        var page = await answer.Content.ReadAsStringAsync(Stop);
        Assert.Equal(403, (int)answer.StatusCode);
        Assert.Contains("You may not do this", page);
        Assert.DoesNotContain("You may not see this", page);
        Assert.Contains(
            "Ann may not manage open/app: this needs the role maintainer, which an owner of open or an administrator",
            page);
        page = await PageAsync("/settings/jobs", "ann", 403);
        Assert.Contains("You may not see this", page);
        Assert.Contains("This is for administrators and auditors.", page);
    }

    [Fact]
    public async Task A_namespace_says_whose_it_is_to_those_who_see_something_in_it()
    {
        var page = await PageAsync("/explore?namespace=ann", "ann");
        Assert.Contains("Namespace of a user: &lt;b&gt;Ann&lt;/b&gt;", page);
        Assert.DoesNotContain("Namespace of", await PageAsync("/explore?namespace=secret", "ann"));
        Assert.DoesNotContain("Namespace of", await PageAsync("/explore?namespace=ann", null));
        Assert.Contains("Namespace without an owner", await PageAsync("/explore?namespace=open", null));
    }

    [Theory]
    [InlineData("/explore?sort=size")]
    [InlineData("/explore?sort=pulls&last=x")]
    public async Task A_wrong_filter_gets_a_page_that_says_so(string path) =>
        Assert.Contains("That did not work", await PageAsync(path, "ann", 400));

    private async Task<string> PageAsync(string path, string? user, int status = 200)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", "text/html");
        if (user is not null)
        {
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(
                AccountsOf.Basic(user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
        }

        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(status, (int)answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(Stop);
    }
}
