using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Berth.Access;
using Berth.Identity;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>Programs without a browser that somebody lets in: <c>berth login</c>.</summary>
[Inside]
public sealed class DeviceSignInTests
{
    private const string Password = "a good password";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Berth_login_gets_a_token_that_its_user_confirms_in_a_browser()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        var home = Directory.CreateTempSubdirectory("berth-login-");
        var start = BerthProgram.Prepare("login", registry.BaseAddress.ToString(), "--name", "<b>laptop");
        start.Environment["XDG_CONFIG_HOME"] = home.FullName;
        using var login = await LoginCommand.StartAsync(start);
        using var shown = await browser.GetAsync(login.Page);
        var text = await shown.Content.ReadAsStringAsync(Stop);
        Assert.Contains("&lt;b&gt;laptop", text, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", shown.Headers.GetValues("Content-Security-Policy").Single());
        using var allowed = await DecideAsync(browser, login.Code, "allow", browser.Origin);
        Assert.Equal(HttpStatusCode.OK, allowed.StatusCode);
        var output = await login.FinishAsync();

        var file = Path.Combine(home.FullName, "berth", "credentials.json");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var kept = JsonDocument.Parse(await File.ReadAllTextAsync(file, Stop)).RootElement
            .GetProperty(browser.Origin);
        var token = kept.GetProperty("token").GetString()!;
        Assert.Equal("ann", kept.GetProperty("name").GetString());
        Assert.StartsWith("berth_pat_", token);
        Assert.Contains(token, output, StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        request.Headers.TryAddWithoutValidation("Authorization", Basic("ann", token));
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var list = await browser.GetAsync("api/v1/me/tokens");
        var listed = (await list.Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("items")[0];
        Assert.Equal("<b>laptop", listed.GetProperty("name").GetString());
        Assert.InRange(
            listed.GetProperty("expiresAt").GetDateTimeOffset() - TimeProvider.System.GetUtcNow(),
            TimeSpan.FromDays(89.9), TimeSpan.FromDays(90));

        // Other commands use it, and a logout ends it.
        var environment = new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = home.FullName };
        var server = registry.BaseAddress.ToString();
        var mine = await AccountCommand.RunAsync(environment, "", "token", "list", "ann", "--server", server);
        Assert.Contains("<b>laptop", mine.Is(0).Output, StringComparison.Ordinal);
        (await AccountCommand.RunAsync(environment, "", "logout", server)).Is(0);
        Assert.Equal("{}", await File.ReadAllTextAsync(file, Stop));
        using var after = await browser.GetAsync("api/v1/me/tokens");
        Assert.Empty((await after.Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("items").EnumerateArray());
        home.Delete(recursive: true);
    }

    [Accounts]
    [Fact]
    public async Task A_program_gets_one_token_and_only_once_it_is_let_in()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        var devices = registry.Services.GetRequiredService<DeviceSignIn>();
        var (secret, code) = await BeginAsync(browser);
        Assert.Equal("authorization_pending", await PollAsync(browser, secret));
        Assert.Equal("slow_down", await PollAsync(browser, secret));
        using (await DecideAsync(browser, code, "allow", browser.Origin)) Assert.NotNull(secret);
        var polled = await Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
        {
            // Another node, which has not been asked before.
            var other = ActivatorUtilities.CreateInstance<DeviceSignIn>(registry.Services);
            return (await other.PollAsync(secret, Stop)).Token;
        }));
        Assert.Single(polled, token => token is not null);
        Assert.Null(await devices.FindAsync(code, Stop));
    }

    [Theory]
    [InlineData("https://evil.example.com")]
    [InlineData(null)]
    public async Task Only_the_registrys_own_page_lets_a_program_in(string? origin)
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        var (secret, code) = await BeginAsync(browser);
        using var answer = await DecideAsync(browser, code, "allow", origin);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("authorization_pending", await PollAsync(browser, secret));
    }

    [Fact]
    public async Task Whoever_is_not_signed_in_is_asked_to_and_lets_nobody_in()
    {
        await using var registry = await StartAsync();
        using var browser = new TestBrowser(registry);
        var (secret, code) = await BeginAsync(browser);
        using var answer = await DecideAsync(browser, code, "allow", browser.Origin);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("authorization_pending", await PollAsync(browser, secret));
        using var page = await browser.GetAsync($"auth/device?code={code}");
        var text = await page.Content.ReadAsStringAsync(Stop);
        Assert.Contains("action=\"/auth/password\"", text, StringComparison.Ordinal);
        Assert.Contains($"value=\"/auth/device?code={code}\"", text, StringComparison.Ordinal);
    }

    [Accounts]
    [Fact]
    public async Task What_was_refused_or_is_over_gets_nothing()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        var (refused, code) = await BeginAsync(browser);
        using (await DecideAsync(browser, code, "deny", browser.Origin))
            Assert.Equal("access_denied", await PollAsync(browser, refused));
        using var again = await DecideAsync(browser, code, "allow", browser.Origin);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);

        var (expired, old) = await BeginAsync(browser);
        await registry.Services.GetRequiredService<AccessChanges>().RunAsync(
            s => s.RunAsync("UPDATE device_request SET expires_at = expires_at - 600000"), Stop);
        Assert.Equal("expired_token", await PollAsync(browser, expired));
        using var late = await DecideAsync(browser, old, "allow", browser.Origin);
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
        Assert.Equal("expired_token", await PollAsync(browser, new string('A', 43)));
        Assert.Equal("invalid_request", await PollAsync(browser, ""));

        var (ofDisabled, last) = await BeginAsync(browser);
        using (await DecideAsync(browser, last, "allow", browser.Origin)) Assert.NotNull(last);
        await new AccountsOf(registry).SetAsync("ann", account => account with { IsDisabled = true });
        Assert.Equal("access_denied", await PollAsync(browser, ofDisabled));
    }

    [Fact]
    public async Task Only_so_many_programs_wait_at_once()
    {
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Sessions = new() { WaitingDevices = 1 } });
        using var browser = new TestBrowser(registry);
        await BeginAsync(browser);
        using var second = await SendAsync(browser, "auth/device", ("name", "laptop"));
        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
    }

    [Accounts]
    [Fact]
    public async Task One_network_can_not_take_all_places_of_programs_that_wait()
    {
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Sessions = new() { WaitingDevices = 200 } },
            s => s with { Http = s.Http with { TrustedProxies = [new IPNetwork(IPAddress.Loopback, 32)] } });
        for (var i = 0; i < 25; i++)
            Assert.Equal(i < 20 ? 200 : 429, await BeginFromAsync($"2001:db8::{i}"));
        Assert.Equal(200, await BeginFromAsync("2001:db8:1::1"));

        async Task<int> BeginFromAsync(string client)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "auth/device");
            request.Headers.Add("X-Forwarded-For", client);
            request.Content = new FormUrlEncodedContent([new("name", "x")]);
            using var answer = await registry.Client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task Guessing_codes_is_slowed_down()
    {
        await using var registry = await StartAsync();
        using var browser = await SignInAsync(registry);
        var (_, code) = await BeginAsync(browser);
        for (var guess = 0; guess < 10; guess++)
        {
            using var wrong = await browser.GetAsync("auth/device?code=BBBB-BBBB");
            Assert.Equal(HttpStatusCode.NotFound, wrong.StatusCode);
        }

        using var right = await browser.GetAsync("auth/device?code=" + code);
        Assert.Equal(HttpStatusCode.NotFound, right.StatusCode);
    }

    private static async Task<RegistryFixture> StartAsync()
    {
        var registry = await AccountsOf.StartAsync();
        await new AccountsOf(registry).AddUserAsync("ann", Password);
        return registry;
    }

    private static async Task<TestBrowser> SignInAsync(RegistryFixture registry)
    {
        var browser = new TestBrowser(registry);
        using var body = JsonContent.Create(new { name = "ann", password = Password });
        using var answer = await browser.SendAsync("auth/password", body, browser.Origin);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return browser;
    }

    private static async Task<(string Secret, string Code)> BeginAsync(TestBrowser browser)
    {
        using var answer = await SendAsync(browser, "auth/device", ("name", "laptop"));
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>(Stop);
        Assert.Equal(
            json.GetProperty("verification_uri").GetString() + "?code=" + json.GetProperty("user_code").GetString(),
            json.GetProperty("verification_uri_complete").GetString());
        return (json.GetProperty("device_code").GetString()!, json.GetProperty("user_code").GetString()!);
    }

    private static async Task<string?> PollAsync(TestBrowser browser, string secret)
    {
        using var answer = await SendAsync(browser, "auth/device/token", ("device_code", secret));
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>(Stop);
        return json.TryGetProperty("error", out var error) ? error.GetString() : null;
    }

    internal static async Task<HttpResponseMessage> DecideAsync(
        TestBrowser browser, string code, string decision, string? origin)
    {
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string> { ["code"] = code, ["decision"] = decision });
        return await browser.SendAsync("auth/device", form, origin);
    }

    private static async Task<HttpResponseMessage> SendAsync(
        TestBrowser browser, string path, (string Name, string Value) field)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { [field.Name] = field.Value });
        return await browser.SendAsync(path, form, origin: null);
    }
}
