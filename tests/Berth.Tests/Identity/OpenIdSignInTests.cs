using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>People who sign in with their browser at an OpenID provider.</summary>
[Inside]
public sealed class OpenIdSignInTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Accounts]
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_browser_signs_in_and_has_the_groups_that_the_provider_names(bool withUserInfo)
    {
        var server = await OidcServer.SharedAsync(withUserInfo);
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        Assert.Null(await browser.WhoAsync());
        using var answer = await browser.SignInAsync("alice", query: "?return=/api/v1/me%3Fa=b");
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("/api/v1/me?a=b", answer.Headers.Location!.OriginalString);
        Assert.Equal("alice", await browser.WhoAsync());
        var me = await MeAsync(browser);
        Assert.Equal("alice", me.GetProperty("name").GetString());
        Assert.Equal("Alice Example", me.GetProperty("fullName").GetString());
        Assert.Equal("alice@example.org", me.GetProperty("email").GetString());
        Assert.Equal(["admins", "developers"], GroupsOf(me));

        // The registry's own protocol knows no cookies.
        using var pull = await browser.GetAsync("v2/");
        Assert.Equal(HttpStatusCode.Unauthorized, pull.StatusCode);
    }

    [Fact]
    public async Task A_provider_may_sign_with_an_elliptic_curve()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings with
        {
            ClientId = "registry-es256",
            ClientSecret = "registry-es256-secret",
        });
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("bob");
        Assert.Equal("bob", await browser.WhoAsync());
    }

    [Fact]
    public async Task An_answer_is_good_for_one_browser_once()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        using var other = new TestBrowser(registry);
        var callback = await browser.BeginAsync("alice");

        // Somebody else's browser, without an attempt of its own, and with one.
        await AssertRefusedAsync(other, callback, HttpStatusCode.BadRequest);
        var others = await other.BeginAsync("bob");
        await AssertRefusedAsync(other, callback, HttpStatusCode.BadRequest);
        await AssertRefusedAsync(other, others, HttpStatusCode.BadRequest);

        using (await browser.GetAsync(callback)) Assert.Equal("alice", await browser.WhoAsync());
        browser.ForgetCookies();
        await AssertRefusedAsync(browser, callback, HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_code_of_another_attempt_is_refused_by_its_proof_key()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        var first = Query(await browser.BeginAsync("mallory"));
        var second = await browser.BeginAsync("alice");
        var mixed = new Uri(second, $"?code={first["code"]}&state={Query(second)["state"]}&iss={first["iss"]}");
        await AssertRefusedAsync(browser, mixed, HttpStatusCode.Forbidden);
        Assert.Contains(registry.Log, line => line.Contains("Sign-in failed: oidc:corp: ", StringComparison.Ordinal)
            && line.Contains("invalid_grant", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("state=x&code=y")]
    [InlineData("code=y")]
    [InlineData("error=access_denied&state=x")]
    [InlineData("error=%3Cscript%3E&error_description=%3Cscript%3E")]
    [InlineData("")]
    public async Task Nothing_is_done_without_the_state_of_an_attempt(string query)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        await browser.BeginAsync("alice");
        await AssertRefusedAsync(browser, new Uri(registry.BaseAddress, "auth/corp/callback?" + query),
            HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("access_denied", HttpStatusCode.Forbidden, "You were not signed in")]
    [InlineData("<script>", HttpStatusCode.BadGateway, "reported an error")]
    public async Task What_the_page_says_of_an_error_is_not_shown(string error, HttpStatusCode status, string text)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        var state = Query(await browser.BeginAsync("alice"))["state"];
        using var answer = await browser.GetAsync(
            $"auth/corp/callback?state={state}&error={Uri.EscapeDataString(error)}&error_description=%3Cscript%3E");
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
        var page = await answer.Content.ReadAsStringAsync(Stop);
        Assert.Contains(text, page, StringComparison.Ordinal);
        Assert.Contains($"{registry.BaseAddress}auth/corp/start", page, StringComparison.Ordinal);
        Assert.DoesNotContain("script", page, StringComparison.Ordinal);
        Assert.Null(await browser.WhoAsync());
    }

    [Theory]
    [InlineData("https://evil.example.com/")]
    [InlineData("//evil.example.com")]
    [InlineData("/\\evil.example.com")]
    [InlineData("\\\\evil.example.com")]
    [InlineData("/\t/evil.example.com")]
    [InlineData("/a\r\nSet-Cookie: a=b")]
    [InlineData("javascript:alert(1)")]
    [InlineData("")]
    public async Task After_the_sign_in_the_browser_stays_here(string wanted)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        using var answer = await browser.SignInAsync("alice", query: "?return=" + Uri.EscapeDataString(wanted));
        Assert.Equal("/", answer.Headers.Location!.OriginalString);
        Assert.DoesNotContain(
            answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("a=b", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_cookie_is_for_this_registry_alone_and_new_at_each_sign_in()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        var prepared = new string('A', 43);
        browser.SessionCookie = prepared;
        using var answer = await browser.SignInAsync("alice");
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("berth_session="));
        var parts = cookie.ToLowerInvariant().Split("; ")[1..];
        Assert.Equal(["httponly", "max-age=43200", "path=/", "samesite=lax"], parts.Order(StringComparer.Ordinal));
        var first = browser.SessionCookie;
        Assert.NotEqual(prepared, first);
        await browser.SignInAsync("alice");
        Assert.NotEqual(first, browser.SessionCookie);

        using var thief = new TestBrowser(registry) { SessionCookie = first };
        Assert.Null(await thief.WhoAsync());
        thief.SessionCookie = prepared;
        Assert.Null(await thief.WhoAsync());
    }

    [Fact]
    public async Task Behind_a_prefix_and_TLS_the_cookie_is_for_both()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings, settings => settings with
        {
            Http = settings.Http with { Host = "https://registry.example.com", Prefix = "/hub/" },
        });
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        using var start = await client.GetAsync(new Uri(registry.BaseAddress, "hub/auth/corp/start"), Stop);
        var cookie = Assert.Single(start.Headers.GetValues("Set-Cookie")).ToLowerInvariant();
        Assert.Contains("; path=/hub/auth/corp/callback;", cookie, StringComparison.Ordinal);
        Assert.Contains("; secure;", cookie, StringComparison.Ordinal);
        Assert.Equal(
            "https://registry.example.com/hub/auth/corp/callback", Query(start.Headers.Location!)["redirect_uri"]);
    }

    [Accounts]
    [Fact]
    public async Task A_disabled_account_is_signed_out_within_a_second_and_can_not_sign_in()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("alice");
        await new AccountsOf(registry).SetAsync("alice", account => account with { IsDisabled = true });
        Assert.Null(await browser.WhoAsync());
        using var api = await browser.GetAsync("api/v1/me");
        Assert.Equal(HttpStatusCode.Unauthorized, api.StatusCode);
        await AssertRefusedAsync(browser, await browser.BeginAsync("alice"), HttpStatusCode.Forbidden);
    }

    [Accounts]
    [Fact]
    public async Task Groups_follow_the_provider_at_each_sign_in()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        await server.SetGroupsAsync("dora", "one", "two");
        await browser.SignInAsync("dora");
        Assert.Equal(["one", "two"], GroupsOf(await MeAsync(browser)));
        await server.SetGroupsAsync("dora", "two", "three");
        await browser.SignInAsync("dora");
        Assert.Equal(["three", "two"], GroupsOf(await MeAsync(browser)));
        await server.SetGroupsAsync("dora");
        await browser.SignInAsync("dora");
        Assert.Empty(GroupsOf(await MeAsync(browser)));
    }

    [Fact]
    public async Task Only_members_of_the_required_group_sign_in()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings with { RequiredGroup = "admins" });
        using var browser = new TestBrowser(registry);
        await AssertRefusedAsync(browser, await browser.BeginAsync("bob"), HttpStatusCode.Forbidden);
        browser.ForgetCookies();
        await browser.SignInAsync("alice");
        Assert.Equal("alice", await browser.WhoAsync());
    }

    [Accounts]
    [Fact]
    public async Task Two_systems_with_the_same_name_of_a_user_have_two_users()
    {
        var (first, second) = (await OidcServer.SharedAsync(), await OidcServer.SharedAsync(withUserInfo: true));
        await using var registry = await StartOnAsync(
            auth => auth with { Oidc = [first.Settings, second.Settings with { Name = "other" }] });
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("alice");
        browser.ForgetCookies();
        await AssertRefusedAsync(browser, await browser.BeginAsync("alice", "other"), HttpStatusCode.Forbidden);
        await browser.SignInAsync("bob", "corp");
        browser.ForgetCookies();
        await browser.SignInAsync("erin", "other");
        Assert.Equal("erin", await browser.WhoAsync());

        // An answer of one system is not for the other.
        browser.ForgetCookies();
        var callback = await browser.BeginAsync("alice");
        await browser.BeginAsync("bob", "other");
        await AssertRefusedAsync(
            browser, new Uri(registry.BaseAddress, "auth/other/callback" + callback.Query), HttpStatusCode.BadRequest);
    }

    [Accounts]
    [Fact]
    public async Task An_address_that_is_not_verified_is_not_kept_so_that_nobody_can_wait_for_its_owner()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("mallory");
        var me = await MeAsync(browser);
        Assert.Equal("Mallory Example", me.GetProperty("fullName").GetString());
        Assert.False(me.TryGetProperty("email", out _));
    }

    [Accounts]
    [Fact]
    public async Task The_database_has_no_cookie_and_the_audit_log_the_sign_in()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server.Settings);
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("alice");
        var database = registry.Services.GetRequiredService<Database>();
        var hashes = await database.ReadAsync(
            s => s.AllAsync("SELECT hash FROM session", row => row.GetString(0)), Stop);
        Assert.NotEqual(browser.SessionCookie, Assert.Single(hashes));
        using var thief = new TestBrowser(registry) { SessionCookie = hashes[0] };
        Assert.Null(await thief.WhoAsync());
        await Eventually.TrueAsync(async () => await database.ReadAsync(
            s => s.NumberAsync(
                "SELECT count(*) FROM audit_entry WHERE action = 'sign-in' AND actor = 'alice' AND method = 'session'"),
            Stop) == 1);
    }

    internal static async Task AssertRefusedAsync(TestBrowser browser, Uri callback, HttpStatusCode status)
    {
        using var answer = await browser.GetAsync(callback);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True(answer.StatusCode == status, $"{answer.StatusCode} {text}");
        Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
        Assert.Null(await browser.WhoAsync());
    }

    private static Task<RegistryFixture> StartAsync(
        OpenIdSettings system, Func<RegistrySettings, RegistrySettings>? settings = null) =>
        StartOnAsync(auth => auth with { Oidc = [system] }, settings);

    private static Task<RegistryFixture> StartOnAsync(
        Func<AuthSettings, AuthSettings> auth, Func<RegistrySettings, RegistrySettings>? settings = null) =>
        AccountsOf.StartAsync(auth, settings);

    private static async Task<JsonElement> MeAsync(TestBrowser browser)
    {
        using var answer = await browser.GetAsync("api/v1/me");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Stop);
    }

    private static IEnumerable<string?> GroupsOf(JsonElement me) =>
        me.GetProperty("groups").EnumerateArray().Select(group => group.GetString());

    private static Dictionary<string, string> Query(Uri url) => url.Query.TrimStart('?').Split('&')
        .Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
}
