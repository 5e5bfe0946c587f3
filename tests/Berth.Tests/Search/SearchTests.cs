using Berth.Tests.Lifecycle;

namespace Berth.Tests.Search;

/// <summary>What is found, why, and in which order.</summary>
[Inside]
public sealed class SearchTests : IAsyncLifetime
{
    private const string Labelled = """
        {"os":"linux","architecture":"arm64","config":{"Labels":{"team":"Web Platform","org.opencontainers.image.title":
        "fooBar server","org.opencontainers.image.created":"2026-11-20T10:00:00Z",
        "org.opencontainers.image.base.name":"docker.io/library/debian:12-slim"}}}
        """;

    private SearchFixture registry = null!;

    public async ValueTask InitializeAsync() => registry = await SearchFixture.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Each_part_of_a_name_finds_a_repository_and_so_does_its_beginning()
    {
        await registry.PushAsync("acme/team-a/my_web.app2", "1");
        await registry.PushAsync("other/thing", "1");
        foreach (var query in new[]
        {
            "acme", "team", "team-a", "my", "my_web.app2", "web", "app2", "acme/team-a", "acme/team-a/my_web.app2",
            "team-a/my_web", "registry.example.com/acme/team-a/my_web.app2", "localhost:5000/acme/team-a",
            $"acme/team-a/my_web.app2:1@sha256:{new string('a', 64)}", "ac", "AP",
            "Team-A", "app2 acme", "web my te", " acme ", "(acme)",
        })
        {
            Assert.Equal(("acme/team-a/my_web.app2", query), (await registry.NamesAsync(query), query));
        }

        Assert.Equal("name acme/team-a/my_web.app2, name acme/team-a/my_web.app2", await registry.WhyAsync("web acm"));
        foreach (var query in new[] { "cme", "ac thing", "acm team", "acme other", "%", "*", "_", "\"", "@", "/" })
            Assert.Equal("", await registry.NamesAsync(query));
    }

    [Theory]
    [InlineData("vulnerability:CVE-2023-1 namespace:a", "/search/vulnerabilities?name=CVE-2023-1&namespace=a")]
    [InlineData("file:log4j*.jar namespace:a", "/search/files?name=log4j%2A.jar&namespace=a")]
    [InlineData("package:openssl below:3.0.11", "/search/packages?name=openssl&below=3.0.11")]
    public async Task Filters_that_find_images_are_refused_with_the_way_to_them(string query, string path)
    {
        var refused = await registry.Admin.ApiAsync("GET", $"/search?q={Uri.EscapeDataString(query)}", null, 400);
        Assert.EndsWith("use /api/v1" + path, refused.Of("detail"));
    }

    [Fact]
    public async Task Descriptions_tags_labels_and_base_images_find_a_repository_and_say_so()
    {
        await registry.Admin.PushConfigAsync("a/app", "1.25.3-alpine", Labelled);
        await registry.PushAsync("a/other", "2.0", "latest", "v3.1");
        await registry.ChangeAsync("a/other", """{"description":"A reverse-proxy, for the HTTPServer of müller 🚢"}""");
        foreach (var (query, names) in new[]
        {
            ("1", "a/app"), ("1.25", "a/app"), ("1.25.3", "a/app"), ("alpine", "a/app"), ("1.25.3-alp", "a/app"),
            ("3.1", "a/other"), ("v3", "a/other"), ("latest", "a/other"), ("app alpine", "a/app"),
            ("reverse", "a/other"), ("reverse-proxy", "a/other"), ("proxy", "a/other"), ("MÜLLER", "a/other"),
            ("🚢", "a/other"), ("\"reverse-proxy for\"", ""), ("\"for the\"", "a/other"), ("\"the for\"", ""),
            ("platform web", "a/app"), ("\"web platform\"", "a/app"), ("foo", "a/app"), ("bar", "a/app"),
            ("tag:1.2", "a/app"), ("tag:alpine", "a/app"), ("tag:latest app", ""), ("label:team=web", ""),
            ("label:\"team=Web Platform\"", "a/app"), ("label:team", "a/app"), ("base:debian", "a/app"),
            ("base:docker.io/library/debian:12", "a/app"), ("base:alpine", ""), ("platform:linux/arm64", "a/app"),
            ("platform:linux", "a/app"), ("platform:linux/arm", ""), ("type:image", "a/app a/other"),
            ("2026-11-20", ""), ("namespace:a", "a/app a/other"), ("namespace:b", ""), ("tag:", "a/app a/other"),
        })
        {
            Assert.Equal((query, names), (query, await registry.NamesAsync(query)));
        }

        Assert.Equal("name a/app, tag 1.25.3-alpine", await registry.WhyAsync("app alpine"));
        Assert.Equal("label team=web platform", await registry.WhyAsync("web"));
        Assert.StartsWith("description A reverse-proxy", await registry.WhyAsync("proxy"));
    }

    [Fact]
    public async Task The_best_come_first_and_pages_follow_each_other()
    {
        foreach (var name in new[]
        {
            "z/nginx", "b/official-nginx", "library/nginx", "a/nginx-extra", "a/my-nginx", "a/described", "a/tagged",
            "b/nginx-used",
        })
        {
            await registry.PushAsync(name, name == "a/tagged" ? "nginx" : "1");
        }

        await registry.ChangeAsync("a/described", """{"description":"behind nginx"}""");
        await registry.ChangeAsync("b/official-nginx", """{"isOfficial":true}""");
        await registry.WriteAsync(s => s.RunAsync("UPDATE repository SET stars = 90 WHERE name = $1", "b/nginx-used"));
        const string All =
            "library/nginx z/nginx b/nginx-used a/nginx-extra b/official-nginx a/my-nginx a/described a/tagged";
        var first = await registry.SearchAsync("nginx", more: "&n=100");
        Assert.Equal(All, SearchFixture.NamesOf(first));
        Assert.Equal(("8", "True"), (first.Of("total"), first.Of("isComplete")));
        var found = new List<string>();
        for (var path = "/api/v1/search?n=3&q=nginx"; path.Length > 0;)
        {
            var (text, headers) = await registry.Admin.SendAsync("GET", path, null, null, 200);
            var page = System.Text.Json.JsonDocument.Parse(text).RootElement;
            Assert.Equal("8", page.Of("total"));
            found.Add(SearchFixture.NamesOf(page));
            path = headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : "";
        }

        Assert.Equal(3, found.Count);
        Assert.Equal(All, string.Join(' ', found));
        Assert.Equal(
            "is:official=1", SearchFixture.FacetsOf(first).Split(' ').Single(one => one.StartsWith("is:")));
        Assert.Contains("namespace:a=4", SearchFixture.FacetsOf(first));
        Assert.Equal("b/official-nginx", await registry.NamesAsync("nginx is:official"));
    }

    [Fact]
    public async Task Official_is_what_administrators_say_and_stays_so_in_the_index()
    {
        foreach (var name in new[] { "library/web", "acme/web", "acme/website" }) await registry.PushAsync(name, "1");
        Assert.Equal("", await registry.NamesAsync("is:official"));
        await registry.ChangeAsync("acme/web", """{"isOfficial":true}""");
        var found = await registry.SearchAsync("web");
        Assert.Equal("acme/web library/web acme/website", SearchFixture.NamesOf(found));
        Assert.Contains("is:official=1", SearchFixture.FacetsOf(found));
        Assert.Equal(
            "True False False",
            string.Join(' ', found.GetProperty("items").EnumerateArray().Select(one => one.Of("isOfficial"))));
        foreach (var query in new[] { "is:official", "is:OFFICIAL we", "is:official namespace:acme" })
            Assert.Equal((query, "acme/web"), (query, await registry.NamesAsync(query)));
        Assert.Equal("", await registry.NamesAsync("is:official", await registry.UserAsync("nil")));
        Assert.Equal("", await registry.NamesAsync("official"));

        // What was lost is mended, and a repository that moves is no longer vouched for.
        var whole = await registry.IndexAsync();
        await registry.WriteAsync(session => session.RunAsync("DELETE FROM search_word WHERE kind = 0"));
        await registry.RebuildAsync();
        Assert.Equal(whole, await registry.IndexAsync());
        await registry.Admin.ApiAsync("POST", "/repositories/moves", """{"from":"acme/web","to":"acme/moved"}""", 200);
        Assert.Equal("", await registry.NamesAsync("is:official"));
        await registry.ChangeAsync("acme/moved", """{"isOfficial":true}""");
        Assert.Equal("acme/moved", await registry.NamesAsync("is:official"));
        await registry.ChangeAsync("acme/moved", """{"isOfficial":false}""");
        Assert.Equal("", await registry.NamesAsync("is:official"));
    }

    [Fact]
    public async Task Typing_errors_are_forgiven_and_the_answer_says_what_was_searched()
    {
        await registry.PushAsync("acme/postgresql", "1");
        await registry.PushAsync("acme/nginx", "1");
        foreach (var (typed, meant) in new[]
        {
            ("postgersql", "postgresql"), ("postgrseql", "postgresql"), ("postgesq", "postgresql"), ("ngnix", "nginx"),
            ("nginxx", "nginx"), ("nignx", "nginx"),
        })
        {
            var found = await registry.SearchAsync(typed);
            Assert.Equal(
                (typed, $"acme/{meant}", meant), (typed, SearchFixture.NamesOf(found), found.Of("searchedFor")));
        }

        Assert.Equal("acme nginx", (await registry.SearchAsync("acme ngimx")).Of("searchedFor"));
        Assert.Equal("", (await registry.SearchAsync("nginx")).Of("searchedFor"));
        foreach (var other in new[] { "ngi nx", "xginx", "completely", "ng1" })
            Assert.Equal((other, ""), (other, await registry.NamesAsync(other)));
        Assert.Equal("acme/nginx", await registry.NamesAsync("acme:nginx"));
    }

    [Fact]
    public async Task Whatever_is_typed_is_only_text()
    {
        await registry.PushAsync("acme/app", "1");
        foreach (var query in new[]
        {
            "\"", "\"\"", "*", "a*", "' OR 1=1 --", "app' --", "%", "_", "acm_", "%app",
            "NEAR(acme app)", "acme NOT app", "acme OR app", "acme AND", "^acme", "{word}: acme", "-acme", "word:*",
            "\u202eacme", "\u202e", "\ud800", "👨‍👩‍👧", "is:", "tag:\"", "label:=", "label:a=b=c", "type:'", "base:%",
            "namespace:../..", "tag:\u0001", "\U0010ffff", "((((((", ":", "::", "a:b", "日本語",
        })
        {
            await registry.SearchAsync(query);
        }

        foreach (var query in new[] { "\u202eacme", "acme/app", "\"acme app\"", "acme  \t app" })
            Assert.Equal((query, "acme/app"), (query, await registry.NamesAsync(query)));
        foreach (var query in new[] { "x%e", "a_x", "ap*x", "'zz' OR 1=1" })
            Assert.Equal((query, ""), (query, await registry.NamesAsync(query)));
        foreach (var (query, fault) in new[]
        {
            ("acme\0", "q has no NUL characters"),
            (string.Concat(Enumerable.Repeat("a ", 1_000)), "q has 2,000 characters; it may have 256"),
            (string.Concat(Enumerable.Repeat("a ", 13)), "q has 13 words and filters; it may have 12"),
            ("is:nice", "is: is followed by official, public, private or starred"),
        })
        {
            var answer = await registry.Admin.ApiAsync("GET", $"/search?q={Uri.EscapeDataString(query)}", null, 400);
            Assert.Equal(fault, answer.Of("detail"));
        }

        await registry.Admin.ApiAsync("GET", "/search?kind=cve", null, 400);
        Assert.Equal("", SearchFixture.NamesOf(await registry.SearchAsync("app", more: "&last=~")));
        await registry.SearchAsync("app", more: "&last=%FF");
    }
}
