using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>Codes of authenticator apps, and recovery codes.</summary>
[Accounts]
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed partial class SecondFactorTests(SecondFactorRegistry factors)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_an_app_the_password_alone_signs_in_nowhere()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (status, made) = await PostAsync(browser, "api/v1/me/tokens", new { name = "laptop" });
        Assert.Equal(201, status);
        var token = made.GetProperty("secret").GetString()!;
        var refresh = await RefreshTokenAsync(user);
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));

        var (secret, _) = await factors.AddAppAsync(browser);
        Assert.Equal(401, await factors.AskAsync(user, HttpMethod.Get, "me"));
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me", password: token));
        var (wire, text) = await GetAsync(user, Password, "v2/");
        Assert.Equal(401, wire);
        Assert.Contains("second factor", text, StringComparison.Ordinal);
        Assert.Equal(401, (await GetAsync(user, Password, "token?service=berth")).Status);
        Assert.Equal(200, (await GetAsync(user, token, "token?service=berth")).Status);
        Assert.Equal(401, await UseRefreshTokenAsync(refresh));

        using var other = new TestBrowser(factors.Registry);
        (status, var step) = await PostAsync(other, "auth/password", new { name = user, password = Password });
        Assert.Equal(200, status);
        Assert.True(step.GetProperty("hasApp").GetBoolean());
        Assert.Null(other.SessionCookie);
        var ticket = step.GetProperty("ticket").GetString();
        (status, _) = await PostAsync(other, "auth/second-factor", new { ticket, code = "000000" });
        Assert.Equal(401, status);
        Assert.Null(await other.WhoAsync());
        (status, _) = await PostAsync(other, "auth/second-factor", new { ticket, code = factors.CodeOf(secret) });
        Assert.Equal(200, status);
        Assert.Equal(user, await other.WhoAsync());
    }

    [Fact]
    public async Task A_code_is_good_once()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (secret, recovery) = await factors.AddAppAsync(browser);
        Assert.Equal(10, recovery.Count);
        Assert.Equal(200, await FinishAsync(user, factors.CodeOf(secret)));
        Assert.Equal(401, await FinishAsync(user, factors.CodeOf(secret)));
        Assert.Equal(401, await FinishAsync(user, factors.CodeOf(secret, -1)));
        Assert.Equal(200, await FinishAsync(user, factors.CodeOf(secret, 1)));
        Assert.Equal(200, await FinishAsync(user, recovery[0].ToUpperInvariant().Replace('-', ' ')));
        Assert.Equal(401, await FinishAsync(user, recovery[0]));
        using var left = await browser.GetAsync("api/v1/me/second-factors");
        var shown = JsonDocument.Parse(await left.Content.ReadAsStringAsync(Stop)).RootElement;
        Assert.Equal(9, shown.GetProperty("recoveryCodesLeft").GetInt32());
        Assert.True(shown.GetProperty("hasApp").GetBoolean());
    }

    [Fact]
    public async Task Guessing_codes_is_stopped_from_wherever_and_a_passkey_still_gets_in()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (secret, recovery) = await factors.AddAppAsync(browser);
        using var passkey = await AddPasskeyAsync(browser);
        for (var guess = 0; guess < 5; guess++) Assert.Equal(401, await FinishAsync(user, $"00000{guess}"));
        Assert.Equal(429, await FinishAsync(user, factors.CodeOf(secret)));
        Assert.Equal(429, await FinishAsync(user, recovery[0]));
        using var other = new TestBrowser(factors.Registry);
        Assert.Equal(200, await PasskeyTests.SignInAsync(other, passkey));
        Assert.Equal(user, await other.WhoAsync());
    }

    [Fact]
    public async Task Guesses_at_the_same_moment_are_no_more_than_one_after_the_other()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (secret, recovery) = await factors.AddAppAsync(browser);
        using var other = new TestBrowser(factors.Registry);
        var (_, asked) = await PostAsync(other, "auth/password", new { name = user, password = Password });
        var ticket = asked.GetProperty("ticket").GetString();

        // Right ones are not counted, and of the same at the same moment one is right.
        foreach (var code in new[] { factors.CodeOf(secret), recovery[0] })
        {
            var same = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => GuessAsync(code)));
            Assert.Single(same, status => status == 200);
        }

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => GuessAsync($"{i:000000}")));
        Assert.Equal(1, answers.Count(status => status == 401));
        Assert.Equal(49, answers.Count(status => status == 429));

        async Task<int> GuessAsync(string code)
        {
            using var guesser = new TestBrowser(factors.Registry);
            return (await PostAsync(guesser, "auth/second-factor", new { ticket, code })).Status;
        }
    }

    [Fact]
    public async Task What_the_password_alone_has_opened_is_closed_with_the_first_factor_and_this_browser_stays()
    {
        foreach (var isApp in new[] { true, false })
        {
            var user = await factors.UserAsync();
            using var thief = await factors.SignInAsync(user);
            using var browser = await factors.SignInAsync(user);
            if (isApp) await factors.AddAppAsync(browser);
            else (await AddPasskeyAsync(browser)).Dispose();
            Assert.Equal(user, await browser.WhoAsync());
            Assert.Null(await thief.WhoAsync());
        }
    }

    [Fact]
    public async Task An_app_counts_only_once_a_code_of_it_was_seen()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (status, app) = await PostAsync(browser, "api/v1/me/authenticator", new { });
        Assert.Equal(201, status);
        Assert.StartsWith("otpauth://totp/127.0.0.1:", app.GetProperty("uri").GetString());
        Assert.StartsWith("<svg", app.GetProperty("image").GetString());
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));
        foreach (var code in new[] { "000000", "", "12345", "äöüäöü", new string('1', 5000) })
        {
            (status, _) = await PostAsync(browser, "api/v1/me/authenticator/confirm", new { code });
            Assert.Equal(400, status);
        }

        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));
        await factors.AddAppAsync(browser);
        (status, _) = await PostAsync(browser, "api/v1/me/authenticator", new { });
        Assert.Equal(409, status);
        (status, _) = await PostAsync(browser, "api/v1/me/authenticator", new { }, HttpMethod.Delete);
        Assert.Equal(204, status);
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));
        (status, _) = await PostAsync(browser, "api/v1/me/recovery-codes", new { });
        Assert.Equal(409, status);
    }

    [Fact]
    public async Task A_token_can_not_change_what_an_account_is_signed_in_to_with()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (_, made) = await PostAsync(browser, "api/v1/me/tokens", new { name = "stolen" });
        var token = made.GetProperty("secret").GetString()!;
        await factors.AddAppAsync(browser);
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Post, "me/authenticator"), (HttpMethod.Delete, "me/authenticator"),
            (HttpMethod.Post, "me/recovery-codes"), (HttpMethod.Post, "me/passkeys/options"),
            (HttpMethod.Delete, "me/passkeys/x"),
        })
        {
            Assert.Equal(403, await factors.AskAsync(user, method, path, password: token));
        }

        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me/second-factors", password: token));
    }

    [Fact]
    public async Task A_ticket_is_good_for_its_step_and_its_user()
    {
        var (ann, bob) = (await factors.UserAsync(), await factors.UserAsync());
        using var browser = await factors.SignInAsync(ann);
        var (secret, _) = await factors.AddAppAsync(browser);
        using var other = await factors.SignInAsync(bob);
        await factors.AddAppAsync(other);
        var ticket = await TicketAsync(bob);
        Assert.Equal(401, await FinishWithAsync(ticket, factors.CodeOf(secret)));
        var parts = (await TicketAsync(ann)).Split('.');
        foreach (var forged in new[]
        {
            "", "x", new string('.', 5), new string('a', 100_000), string.Join('.', parts[..5]),
            string.Join('.', ["passkey", .. parts[1..]]), string.Join('.', [parts[0], "1", .. parts[2..]]),
            string.Join('.', [.. parts[..5], parts[5][..^4] + "AAAA"]),
            string.Join('.', [.. parts[..4], "x", parts[5]]),
            string.Join('.', [parts[0], "99999999999999999999", .. parts[2..]]), string.Join('.', parts) + "=",
        })
        {
            Assert.Equal(400, await FinishWithAsync(forged, factors.CodeOf(secret)));
        }

        var (_, question) = await PostAsync(browser, "api/v1/me/passkeys/options", new { });
        Assert.Equal(400, await FinishWithAsync(question.GetProperty("ticket").GetString()!, factors.CodeOf(secret)));
    }

    [Fact]
    public async Task An_administrator_helps_whoever_has_lost_everything()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        await factors.AddAppAsync(browser);
        using var passkey = await AddPasskeyAsync(browser);
        Assert.Equal(403, await factors.AskAsync(
            await factors.UserAsync(), HttpMethod.Delete, $"users/{user}/second-factors"));
        Assert.Equal(204, await factors.AskAsync("admin", HttpMethod.Delete, $"users/{user}/second-factors"));
        Assert.Equal(404, await factors.AskAsync("admin", HttpMethod.Delete, "users/nobody/second-factors"));
        Assert.Null(await browser.WhoAsync());
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));
        using var other = new TestBrowser(factors.Registry);
        Assert.Equal(401, await PasskeyTests.SignInAsync(other, passkey));
    }

    /// <summary>Each depends on what the other one changes: whether the password alone signs in.</summary>
    [Fact]
    public async Task An_app_that_goes_while_a_passkey_comes_leaves_a_second_factor()
    {
        for (var round = 0; round < 4; round++)
        {
            var user = await factors.UserAsync();
            using var browser = await factors.SignInAsync(user);
            await factors.AddAppAsync(browser);
            var removed = PostAsync(browser, "api/v1/me/authenticator", new { }, HttpMethod.Delete);
            using var passkey = await AddPasskeyAsync(browser);
            Assert.Equal(204, (await removed).Status);
            Assert.Equal(401, await factors.AskAsync(user, HttpMethod.Get, "me"));
        }
    }

    [Fact]
    public async Task All_of_it_works_on_pages_without_scripts()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var page = await PageAsync(await browser.GetAsync("auth/account"), HttpStatusCode.OK);
        Assert.Contains(user, page, StringComparison.Ordinal);
        await factors.BeginStepAsync();
        page = await PostFormAsync(browser, "auth/account", ("action", "begin"));
        var secret = OtpNet.Base32Encoding.ToBytes(TypedSecret().Match(page).Groups[1].Value.Replace(" ", ""));
        page = await PostFormAsync(
            browser, "auth/account", ("action", "confirm"), ("code", factors.CodeOf(secret, -1)));
        var recovery = page.Split("<pre>")[1].Split('\n')[0];

        using var other = new TestBrowser(factors.Registry);
        page = await PostFormAsync(
            other, "auth/password", ("name", user), ("password", Password), ("return", "/auth/account"));
        Assert.Null(other.SessionCookie);
        var ticket = Ticket().Match(page).Groups[1].Value;
        page = await PageAsync(
            await SendFormAsync(
                other, "auth/second-factor", ("ticket", ticket), ("code", "nonsense"), ("return", "//x")),
            HttpStatusCode.Unauthorized);
        Assert.Contains("wrong", page, StringComparison.Ordinal);
        using var done = await SendFormAsync(
            other, "auth/second-factor", ("ticket", ticket), ("code", recovery), ("return", "/auth/account"));
        Assert.Equal(HttpStatusCode.SeeOther, done.StatusCode);
        Assert.Equal("/auth/account", done.Headers.Location!.OriginalString);
        page = await PageAsync(await other.GetAsync("auth/account"), HttpStatusCode.OK);
        Assert.Contains("9 left", page, StringComparison.Ordinal);
        using var foreign = await other.SendAsync(
            "auth/account", Form(("action", "remove-app")), "https://evil.example.com");
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        await PageAsync(await SendFormAsync(other, "auth/account", ("action", "fly")), HttpStatusCode.BadRequest);
        page = await PostFormAsync(other, "auth/account", ("action", "remove-app"));
        Assert.Contains("Anyone who learns your password", page, StringComparison.Ordinal);
        using var nobody = new TestBrowser(factors.Registry);
        page = await PageAsync(await nobody.GetAsync("auth/account"), HttpStatusCode.OK);
        Assert.Contains("name=\"password\"", page, StringComparison.Ordinal);
    }

    private async Task<string> TicketAsync(string user)
    {
        using var browser = new TestBrowser(factors.Registry);
        var (_, step) = await PostAsync(browser, "auth/password", new { name = user, password = Password });
        return step.GetProperty("ticket").GetString()!;
    }

    private async Task<int> FinishAsync(string user, string code) =>
        await FinishWithAsync(await TicketAsync(user), code);

    private async Task<int> FinishWithAsync(string ticket, string code)
    {
        using var browser = new TestBrowser(factors.Registry);
        var (status, _) = await PostAsync(browser, "auth/second-factor", new { ticket, code });
        Assert.Equal(status == 200, browser.SessionCookie is not null);
        return status;
    }

    private async Task<(int Status, string Text)> GetAsync(string user, string password, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        using var answer = await factors.Registry.Client.SendAsync(request, Stop);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop));
    }

    private async Task<string> RefreshTokenAsync(string user)
    {
        var (status, text) = await GetAsync(user, Password, "token?service=berth&offline_token=true&client_id=docker");
        Assert.Equal(200, status);
        return JsonDocument.Parse(text).RootElement.GetProperty("refresh_token").GetString()!;
    }

    private async Task<int> UseRefreshTokenAsync(string token)
    {
        using var form = Form(
            ("grant_type", "refresh_token"), ("refresh_token", token), ("service", "berth"), ("client_id", "docker"));
        using var answer = await factors.Registry.Client.PostAsync("token", form, Stop);
        return (int)answer.StatusCode;
    }

    private static FormUrlEncodedContent Form(params (string, string)[] fields) =>
        new(fields.Select(field => KeyValuePair.Create(field.Item1, field.Item2)));

    private static async Task<HttpResponseMessage> SendFormAsync(
        TestBrowser browser, string path, params (string, string)[] fields)
    {
        using var form = Form(fields);
        return await browser.SendAsync(path, form, browser.Origin);
    }

    private static async Task<string> PostFormAsync(
        TestBrowser browser, string path, params (string, string)[] fields) =>
        await PageAsync(await SendFormAsync(browser, path, fields), HttpStatusCode.OK);

    private static async Task<string> PageAsync(HttpResponseMessage answer, HttpStatusCode status)
    {
        using (answer)
        {
            var text = await answer.Content.ReadAsStringAsync(Stop);
            Assert.True(answer.StatusCode == status, $"{answer.StatusCode} {text}");
            Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
            Assert.Contains("frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
            return text;
        }
    }

    [GeneratedRegex("<code>([A-Z2-7 ]+)</code>")]
    private static partial Regex TypedSecret();

    [GeneratedRegex("name=\"ticket\" value=\"([^\"]+)\"")]
    private static partial Regex Ticket();
}
