using System.Net;
using System.Net.Http.Json;
using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>Browsers that sign in with a password, and what their cookie is good for.</summary>
[Accounts]
[Inside]
public sealed class BrowserSessionTests
{
    private const string Password = "a good password";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_browser_signs_in_with_a_password_and_out(bool isForm)
    {
        await using var registry = await StartAsync();
        using var browser = new TestBrowser(registry);
        using var answer = await browser.SendAsync(
            "auth/password", Body("ann", Password, isForm, "/api/v1/me"), browser.Origin);
        Assert.Equal(isForm ? HttpStatusCode.SeeOther : HttpStatusCode.OK, answer.StatusCode);
        if (isForm) Assert.Equal("/api/v1/me", answer.Headers.Location!.OriginalString);
        Assert.Equal("ann", await browser.WhoAsync());
        var cookie = browser.SessionCookie;
        using var foreign = await browser.SendAsync("auth/logout", null, "https://evil.example.com");
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        using var unknown = await browser.SendAsync("auth/logout", null, origin: null);
        Assert.Equal(HttpStatusCode.Forbidden, unknown.StatusCode);
        Assert.Equal("ann", await browser.WhoAsync());
        using var own = await browser.SendAsync("auth/logout", null, browser.Origin);
        Assert.Equal(HttpStatusCode.NoContent, own.StatusCode);
        Assert.Null(browser.SessionCookie);
        browser.SessionCookie = cookie;
        Assert.Null(await browser.WhoAsync());
    }

    [Theory]
    [InlineData("ann", "wrong", HttpStatusCode.Unauthorized)]
    [InlineData("nobody", Password, HttpStatusCode.Unauthorized)]
    [InlineData("", "", HttpStatusCode.Unauthorized)]
    [InlineData("ann", "{token}", HttpStatusCode.Forbidden)]
    [InlineData("gone", Password, HttpStatusCode.Forbidden)]
    public async Task Nobody_else_gets_a_session(string name, string password, HttpStatusCode status)
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("gone", Password);
        await accounts.SetAsync("gone", account => account with { IsDisabled = true });
        if (password == "{token}")
        {
            var ann = await registry.Services.GetRequiredService<Database>().ReadAsync(
                s => AccountTable.FindAsync(s, "ann"), Stop);
            password = (await accounts.AddTokenAsync(ann!.Id, actions: "pull")).Secret;
        }

        foreach (var isForm in new[] { true, false })
        {
            using var browser = new TestBrowser(registry);
            using var answer = await browser.SendAsync(
                "auth/password", Body(name, password, isForm, null), browser.Origin);
            Assert.Equal(status, answer.StatusCode);
            Assert.Null(browser.SessionCookie);
        }
    }

    [Once]
    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"name":1,"password":[]}""")]
    public async Task A_body_that_is_none_is_refused(string body)
    {
        await using var registry = await StartAsync();
        using var browser = new TestBrowser(registry);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await browser.SendAsync("auth/password", content, browser.Origin);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Guesses_are_slowed_down()
    {
        await using var registry = await StartAsync(auth => auth with
        {
            FailedSignIns = new FailedSignInSettings { PerAccount = 2, Window = TimeSpan.FromMinutes(5) },
        });
        using var browser = new TestBrowser(registry);
        for (var guess = 0; guess < 3; guess++)
        {
            using var answer = await browser.SendAsync(
                "auth/password", Body("ann", $"guess {guess}", false, null), browser.Origin);
            Assert.Equal(guess < 2 ? 401 : 429, (int)answer.StatusCode);
            Assert.Equal(guess == 2, answer.Headers.RetryAfter is not null);
        }
    }

    [Once]
    [Theory]
    [InlineData("Origin", "https://evil.example.com")]
    [InlineData("Origin", "null")]
    [InlineData("Origin", "rubbish")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData(null, null)]
    public async Task Pages_of_other_sites_change_nothing_with_the_cookie(string? header, string? value)
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        foreach (var (method, path) in new[] { ("POST", "api/v1/me/tokens"), ("PATCH", "api/v1/me"),
            ("PUT", "api/v1/me/password"), ("DELETE", "api/v1/me/sessions") })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(registry.BaseAddress, path))
            {
                Content = JsonContent.Create(new { name = "stolen" }),
            };
            request.Headers.Add("Cookie", "berth_session=" + browser.SessionCookie);
            if (header is not null) request.Headers.Add(header, value);
            using var answer = await client.SendAsync(request, Stop);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        // Nor does such a page sign somebody in.
        if (header is null) return;
        using var signIn = new HttpRequestMessage(HttpMethod.Post, new Uri(registry.BaseAddress, "auth/password"));
        signIn.Content = Body("ann", Password, true, null);
        signIn.Headers.Add(header, value);
        using var refused = await client.SendAsync(signIn, Stop);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task The_registrys_own_pages_use_the_API_with_the_cookie()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        using var made = await browser.SendAsync(
            "api/v1/me/tokens", JsonContent.Create(new { name = "laptop" }), browser.Origin);
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var read = await browser.GetAsync("api/v1/me/tokens");
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);
    }

    [Theory]
    [InlineData("used_at", -7_100_000, true)]
    [InlineData("used_at", -7_300_000, false)]
    [InlineData("expires_at", -43_000_000, true)]
    [InlineData("expires_at", -43_300_000, false)]
    public async Task A_session_ends_when_it_is_old_or_not_used(string column, long milliseconds, bool isValid)
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        await registry.Services.GetRequiredService<AccessChanges>().RunAsync(
            s => s.RunAsync($"UPDATE session SET {column} = {column} + $1", milliseconds), Stop);
        Assert.Equal(isValid ? "ann" : null, await browser.WhoAsync());
    }

    [Fact]
    public async Task Use_keeps_a_session_and_is_written_down_for_other_nodes()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        var services = registry.Services;
        await services.GetRequiredService<AccessChanges>().RunAsync(
            s => s.RunAsync("UPDATE session SET used_at = used_at - 3600000"), Stop);
        Assert.Equal("ann", await browser.WhoAsync());
        var usedAt = await services.GetRequiredService<Database>().ReadAsync(
            s => s.NumberAsync("SELECT used_at FROM session"), Stop);
        Assert.InRange(usedAt!.Value, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() - 60_000, long.MaxValue);
    }

    [Fact]
    public async Task A_new_password_ends_sessions_and_so_does_the_end_of_the_account()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        using var admin = new HttpRequestMessage(
            HttpMethod.Put, new Uri(registry.BaseAddress, "api/v1/users/ann/password"));
        admin.Content = JsonContent.Create(new { password = "another password" });
        admin.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
        using var answer = await registry.Client.SendAsync(admin, Stop);
        Assert.True(answer.IsSuccessStatusCode);
        Assert.Null(await browser.WhoAsync());
    }

    [Fact]
    public async Task The_browser_that_changes_the_password_stays_signed_in_and_others_do_not()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        using var other = await SignInAsync(registry);
        using var content = JsonContent.Create(new { current = Password, @new = "another password" });
        using var changed = await browser.SendAsync("api/v1/me/password", content, browser.Origin, HttpMethod.Put);
        Assert.True(changed.IsSuccessStatusCode);
        Assert.Equal("ann", await browser.WhoAsync());
        Assert.Null(await other.WhoAsync());
        using var sessions = await browser.GetAsync("api/v1/me/sessions");
        Assert.Contains("\"isThis\":true", await sessions.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_without_accounts_has_no_such_pages()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var browser = new TestBrowser(registry);
        using var answer = await browser.GetAsync("auth/session");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static async Task<RegistryFixture> StartAsync(Func<AuthSettings, AuthSettings>? auth = null)
    {
        var registry = await AccountsOf.StartAsync(auth);
        await new AccountsOf(registry).AddUserAsync("ann", Password);
        return registry;
    }

    private static async Task<TestBrowser> SignInAsync(RegistryFixture registry)
    {
        var browser = new TestBrowser(registry);
        using var answer = await browser.SendAsync(
            "auth/password", Body("ann", Password, false, null), browser.Origin);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return browser;
    }

    private static HttpContent Body(string name, string password, bool isForm, string? returnTo) => isForm
        ? new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["name"] = name,
            ["password"] = password,
            ["return"] = returnTo ?? "",
        })
        : JsonContent.Create(new { name, password });
}
