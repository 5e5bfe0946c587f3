using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages for people, as a browser asks for them.</summary>
[Accounts]
public sealed partial class PageTests : IAsyncLifetime
{
    private const string Hostile = "<script>alert(1)</script>\" onmouseover='x' \u202etxt.exe";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private string digest = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string Config => $$$"""
        {"os":"linux","architecture":"arm","variant":"v7","created":"2026-11-20T10:00:00Z","config":{"User":"1000",
        "Env":["APP={{{Escaped}}}"],"Cmd":["run","{{{Escaped}}}"],"Labels":{"{{{Escaped}}}":"{{{Escaped}}}"}},
        "history":[{"created_by":"{{{Escaped}}}","empty_layer":true}]}
        """;

    private static string Escaped => Hostile.Replace("\"", "\\\"");

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        await AddUserAsync("ann");
        digest = await admin.PushConfigAsync("team/app", "1.0", Config);
        await admin.PushConfigAsync("open/app", "latest", Config);
        await admin.ApiAsync("PATCH", "/repositories/open/app", """{"isPublic":true}""", 200);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    private Task<JsonElement> AddUserAsync(string name) =>
        admin.ApiAsync("POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);

    [Fact]
    public async Task Each_page_allows_only_what_the_registry_itself_serves()
    {
        foreach (var path in new[]
            { "/", "/explore", "/search?q=app", "/r/team/app", "/r/team/app:1.0", $"/r/team/app@{digest}" })
        {
            var page = await AskAsync(path, "admin");
            Assert.Equal(HttpStatusCode.OK, page.Status);
            var policy = page.Header("Content-Security-Policy");
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self'", policy);
            Assert.DoesNotContain("unsafe", policy);
            Assert.Equal("no-store", page.Header("Cache-Control"));
            Assert.DoesNotMatch(InlineScript(), page.Text);
            Assert.DoesNotMatch(OtherHost(), page.Text);
        }
    }

    [Fact]
    public async Task What_an_image_says_is_text_on_its_page_and_turns_nothing_around()
    {
        var page = await AskAsync("/r/team/app:1.0", "admin");
        Assert.DoesNotContain("<script>alert", page.Text);
        Assert.DoesNotContain("onmouseover='", page.Text);
        Assert.DoesNotContain('\u202e', page.Text);
        Assert.DoesNotContain("&#x202E;", page.Text);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page.Text);
        Assert.Contains("linux/arm/v7", page.Text);
    }

    [Fact]
    public async Task The_table_of_tags_shows_platform_and_size()
    {
        var page = await AskAsync("/r/team/app", "admin");
        Assert.Contains("<li class=\"chip\">linux/arm/v7</li>", page.Text);
        Assert.Contains($"{Encoding.UTF8.GetByteCount(Config)} bytes\"", page.Text);
        Assert.Contains("docker pull " + registry.BaseAddress.Authority + "/team/app:1.0", page.Text);
    }

    /// <summary>Clients ask at the root, whatever prefix pages have.</summary>
    [Fact]
    public async Task Commands_behind_a_prefix_name_the_host_alone()
    {
        await using var below = await AccountsOf.StartAsync(
            settings: s => s with { Http = s.Http with { Prefix = "/hub/" } });
        await new ImagePusher(below, "admin").PushConfigAsync("team/app", "1.0", "{}");
        var page = await new PageClient(below, "admin").GetAsync("/hub/r/team/app");
        Assert.Contains($">docker pull {below.BaseAddress.Authority}/team/app:1.0<", page.Text);
        Assert.Contains("href=\"/hub/r/team/app:1.0\"", page.Text);
    }

    [Fact]
    public async Task Whoever_may_not_see_a_repository_gets_the_page_of_one_that_is_not_there()
    {
        await AddUserAsync("eve");
        var hidden = await AskAsync("/r/team/app:1.0", "eve");
        var absent = await AskAsync("/r/team/nil:1.0", "eve");
        Assert.Equal(HttpStatusCode.NotFound, hidden.Status);
        Assert.Equal(RequestId().Replace(absent.Text, "").Replace("nil", "app"), RequestId().Replace(hidden.Text, ""));
        Assert.DoesNotContain("team/app", (await AskAsync("/explore", "eve")).Text);
        Assert.DoesNotContain("team/app", (await AskAsync("/", "eve")).Text);
        Assert.Contains("open/app", (await AskAsync("/", "eve")).Text);
        Assert.DoesNotContain("team/app", (await AskAsync("/search?q=app", "eve")).Text);
        Assert.Contains("open/app", (await AskAsync("/search?q=app", "eve")).Text);
    }

    [Fact]
    public async Task A_search_shows_what_it_found_and_how_to_narrow_it_down()
    {
        var found = (await AskAsync("/search?q=app&n=1", "admin")).Text;
        Assert.Contains("<h1>Search for app</h1>", found);
        Assert.Contains("2 repositories", found);
        Assert.Contains("href=\"/search?q=app%20platform%3Alinux%2Farm%2Fv7\"", found);
        Assert.Matches("href=\"/search\\?n=1&amp;last=[^\"]+q=app\" rel=\"next\"", found);
        var one = (await AskAsync("/search?q=app+namespace:open+tag:lat", "admin")).Text;
        Assert.Contains("href=\"/search?q=app%20namespace%3Aopen\"", one);
        Assert.Contains("1 repository", one);
        Assert.Contains("is:official", (await AskAsync("/search?q=nothing-there", "admin")).Text);
        Assert.Contains("This is what has “open”", (await AskAsync("/search?q=opne", "admin")).Text);
        var hostile = await AskAsync("/search?q=" + Uri.EscapeDataString(Hostile), "admin");
        Assert.Equal(HttpStatusCode.OK, hostile.Status);
        Assert.DoesNotContain("<script>alert", hostile.Text);
        Assert.Equal(HttpStatusCode.BadRequest, (await AskAsync("/search?q=is:nice", "admin")).Status);
    }

    [Fact]
    public async Task Without_signing_in_one_sees_what_is_public_and_is_asked_to_sign_in_for_the_rest()
    {
        Assert.Equal(HttpStatusCode.OK, (await AskAsync("/r/open/app:latest", null)).Status);
        var front = await AskAsync("/", null);
        Assert.Contains("open/app", front.Text);
        Assert.DoesNotContain("team/app", front.Text);
        Assert.Contains("Sign in", front.Text);
        var asked = await AskAsync("/r/team/app:1.0?platform=x", null);
        Assert.Equal(HttpStatusCode.SeeOther, asked.Status);
        Assert.Equal(
            "/auth/sign-in?return=" + Uri.EscapeDataString("/r/team/app:1.0?platform=x"), asked.Header("Location"));
        Assert.Equal("", asked.Header("WWW-Authenticate"));
    }

    [Theory]
    [InlineData("/r/team/app:none", 404)]
    [InlineData("/r/team/app@sha256:0000", 404)]
    [InlineData("/r/Team/APP", 404)]
    [InlineData("/r/team/app/-/nothing", 404)]
    [InlineData("/r/", 404)]
    [InlineData("/r/team/app?n=0", 400)]
    [InlineData("/explore?last=%00", 400)]
    public async Task A_wrong_address_gets_a_page_that_says_what_is_wrong(string path, int status)
    {
        var page = await AskAsync(path, "admin");
        Assert.Equal(status, (int)page.Status);
        Assert.Contains("<h1>", page.Text);
        Assert.Contains("To the front page", page.Text);
    }

    [Fact]
    public async Task Programs_get_the_front_page_as_text()
    {
        using var answer = await registry.Client.GetAsync("/", Stop);
        Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains("docker push HOST/NAME:TAG", await answer.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task The_next_page_of_tags_is_a_link_that_keeps_the_rest_of_the_address()
    {
        for (var i = 0; i < 5; i++) await admin.PushConfigAsync("team/many", $"v{i}", Config);
        var page = await AskAsync("/r/team/many?n=2&sort=name", "admin");
        var next = WebUtility.HtmlDecode(NextLink().Match(page.Text).Groups[1].Value);
        Assert.Equal("/r/team/many?n=2&last=v1&sort=name", next);
        var second = await AskAsync(next, "admin");
        Assert.Contains(":v2\"", second.Text);
        Assert.DoesNotContain(":v1\"", second.Text);
        Assert.Contains("First page", second.Text);
    }

    [Fact]
    public async Task Files_of_the_pages_are_kept_by_browsers_and_change_their_address_with_their_content()
    {
        var page = await AskAsync("/", "admin");
        var paths = AssetPath().Matches(page.Text).Select(match => match.Value).Distinct().ToList();
        Assert.True(paths.Count >= 3);
        foreach (var path in paths)
        {
            var (plain, packed) = (await AskAsync(path, null, encoding: ""), await AskAsync(path, null));
            Assert.Contains("immutable", plain.Header("Cache-Control"));
            Assert.Equal("br", packed.Header("Content-Encoding"));
            Assert.Equal(plain.Text, packed.Text);
            Assert.Equal("nosniff", plain.Header("X-Content-Type-Options"));
        }

        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("/assets/0000000000/berth.css", null)).Status);
    }

    [Fact]
    public async Task A_page_of_a_hundred_tags_is_small_on_the_wire()
    {
        for (var i = 0; i < 100; i++)
        {
            await admin.ApiAsync("PUT", $"/tags/release-{i}?repository=team/app", """{"target":"1.0"}""", 200);
        }

        var page = await AskAsync("/r/team/app", "admin");
        Assert.InRange(page.SentBytes, 1, 20_000);
        Assert.InRange(page.Text.Length, 50_000, 200_000);
    }

    [Theory]
    [InlineData("dark", "/explore?namespace=team", "/explore?namespace=team")]
    [InlineData("light", "//elsewhere.example/", "/")]
    [InlineData("none", "https://elsewhere.example/", "/")]
    public async Task The_choice_of_colours_is_kept_and_leads_back(string theme, string back, string location)
    {
        using var form = new FormUrlEncodedContent([new("theme", theme), new("return", back)]);
        using var answer = await registry.Client.PostAsync("/theme", form, Stop);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(location, answer.Headers.Location!.OriginalString);
        var cookie = answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        var page = await AskAsync("/explore", null, cookie: cookie);
        Assert.Contains($"data-theme=\"{(theme == "none" ? "" : theme)}\"", page.Text);
    }

    private async Task<Answer> AskAsync(
        string path, string? user, string encoding = "br", string? cookie = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml");
        if (encoding.Length > 0) request.Headers.TryAddWithoutValidation("Accept-Encoding", encoding);
        if (cookie is not null) request.Headers.TryAddWithoutValidation("Cookie", cookie);
        if (user is not null)
        {
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(AccountsOf.Basic(
                user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
        }

        using var answer = await registry.Client.SendAsync(request, Stop);
        var sent = await answer.Content.ReadAsByteArrayAsync(Stop);
        var body = sent;
        if (answer.Content.Headers.ContentEncoding.Contains("br"))
        {
            using var unpacked = new MemoryStream();
            using (var brotli = new BrotliStream(new MemoryStream(sent), CompressionMode.Decompress))
                await brotli.CopyToAsync(unpacked, Stop);
            body = unpacked.ToArray();
        }

        var headers = answer.Headers.Concat(answer.Content.Headers)
            .ToDictionary(one => one.Key, one => string.Join(", ", one.Value), StringComparer.OrdinalIgnoreCase);
        return new Answer(answer.StatusCode, Encoding.UTF8.GetString(body), sent.Length, headers);
    }

    [GeneratedRegex(@"<script(?![^>]*\bsrc=)|<[^>]*\son\w+=")]
    private static partial Regex InlineScript();

    [GeneratedRegex("(src|href|action)=\"(https?:)?//")]
    private static partial Regex OtherHost();

    [GeneratedRegex("Request [0-9A-Z:]+")]
    private static partial Regex RequestId();

    [GeneratedRegex("<a href=\"([^\"]+)\" rel=\"next\"")]
    private static partial Regex NextLink();

    [GeneratedRegex(@"/assets/[0-9a-f]{10}/[a-z.]+")]
    private static partial Regex AssetPath();

    private sealed record Answer(
        HttpStatusCode Status, string Text, int SentBytes, IReadOnlyDictionary<string, string> Headers)
    {
        public string Header(string name) => Headers.GetValueOrDefault(name, "");
    }
}
