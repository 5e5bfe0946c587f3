using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Search;

/// <summary>Nobody learns by a search of what they may not see.</summary>
[Inside]
public sealed class SearchRightsTests : IAsyncLifetime
{
    private SearchFixture registry = null!;

    public async ValueTask InitializeAsync() => registry = await SearchFixture.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Results_counts_and_facets_are_of_what_the_caller_may_see()
    {
        foreach (var name in new[] { "red/app", "red/api", "blue/app", "blue/secretive", "open/app" })
            await registry.PushAsync(name, "latest", "confidential");
        await registry.ChangeAsync("open/app", """{"isPublic":true}""");
        await registry.ChangeAsync("blue/app", """{"description":"hush"}""");
        var red = await registry.UserAsync("ray", "red/**");
        var one = await registry.UserAsync("one", "blue/sec*");
        var any = await registry.UserAsync("any", "*/app");
        var none = await registry.UserAsync("nil");
        foreach (var (user, names) in new[]
        {
            (registry.Admin, "blue/app open/app red/app"), (red, "open/app red/app"), (one, "open/app"),
            (any, "blue/app open/app red/app"), (none, "open/app"),
        })
        {
            var found = await registry.SearchAsync("app", user);
            Assert.Equal(names, SearchFixture.NamesOf(found));
            Assert.Equal($"{names.Split(' ').Length}", found.Of("total"));
            var spaces = names.Split(' ').Select(name => $"namespace:{name.Split('/')[0]}=1");
            Assert.Equal(
                string.Join(' ', spaces.Prepend($"type:image={names.Split(' ').Length}")),
                SearchFixture.FacetsOf(found));
        }

        Assert.Equal("blue/secretive open/app", await registry.NamesAsync("confidential", one));
        foreach (var query in new[]
            { "blue", "secretive", "hush", "namespace:blue", "blue/app", "is:private namespace:blue", "secretiv" })
        {
            foreach (var user in new[] { red, none }) Assert.Equal("", await registry.NamesAsync(query, user));
        }

        Assert.Equal("red/api red/app", await registry.NamesAsync("is:private", red));
        Assert.Equal("open/app", await registry.NamesAsync("is:public", red));
        Assert.Equal("open/app", await registry.NamesAsync("is:public"));
    }

    [Fact]
    public async Task A_hidden_name_corrects_nothing()
    {
        await registry.PushAsync("blue/secretive", "1");
        await registry.PushAsync("red/second", "1");
        var red = await registry.UserAsync("ray", "red/**");
        Assert.Equal("secretive", (await registry.SearchAsync("secretvie")).Of("searchedFor"));
        Assert.Equal(await TextAsync("secretvie"), await TextAsync("sevretvix"));
        Assert.Equal("second", (await registry.SearchAsync("secnod", red)).Of("searchedFor"));
        await registry.ChangeAsync("blue/secretive", """{"isPublic":true}""");
        Assert.Equal("secretive", (await registry.SearchAsync("secretvie", red)).Of("searchedFor"));
        await registry.ChangeAsync("blue/secretive", """{"isPublic":false}""");
        Assert.Equal("", await registry.NamesAsync("secretvie", red));

        // The index may be complete at any time.
        async Task<string> TextAsync(string asked) => (await registry.SearchAsync(asked, red)).GetRawText()
            .Replace("\"isIndexing\":true", "\"isIndexing\":false");
    }

    [Fact]
    public async Task A_limited_token_finds_what_it_may_pull()
    {
        await registry.PushAsync("red/app", "1");
        await registry.PushAsync("red/api", "1");
        var token = await registry.Admin.ApiAsync(
            "POST", "/me/tokens", """{"name":"ci","actions":["pull"],"names":["red/app"]}""", 201);
        var limited = new ImagePusher(registry.Registry, "admin") { Secret = token.Of("secret") };
        var found = await registry.SearchAsync("red", limited);
        Assert.Equal(("red/app", "1"), (SearchFixture.NamesOf(found), found.Of("total")));
        Assert.Equal("", await registry.NamesAsync("api", limited));
        Assert.Equal("red/app", SearchFixture.NamesOf(await limited.ApiAsync("GET", "/repositories", null, 200)));
    }

    [Fact]
    public async Task Stars_are_the_callers_own()
    {
        await registry.PushAsync("red/app", "1");
        await registry.PushAsync("red/api", "1");
        var red = await registry.UserAsync("ray", "red/**");
        await red.ApiAsync("PUT", "/stars/red/app", null, 204);
        Assert.Equal("red/app", await registry.NamesAsync("is:starred", red));
        Assert.Equal("", await registry.NamesAsync("is:starred api", red));
        Assert.Equal("", await registry.NamesAsync("is:starred"));
    }
}
