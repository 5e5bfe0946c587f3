using System.Net;
using System.Text.Json.Nodes;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>People who take longer than the registry waits for them.</summary>
[Accounts]
[Inside]
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed class TooLateTests(SecondFactorRegistry factors)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_takes_longer_for_a_step_than_the_settings_allow_begins_again()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        var (secret, _) = await factors.AddAppAsync(browser);
        using var passkey = await AddPasskeyAsync(browser);
        using var other = new TestBrowser(factors.Registry);
        var (_, step) = await PostAsync(other, "auth/password", new { name = user, password = Password });
        var ticket = step.GetProperty("ticket").GetString()!;
        var (_, alone) = await PostAsync(other, "auth/passkeys/options", new { });
        var (_, adding) = await PostAsync(browser, "api/v1/me/passkeys/options", new { });
        var almost = TimeSpan.FromSeconds(239);
        factors.Clock!.Advance(almost);
        var (status, second) = await PostAsync(other, "auth/passkeys/options", new { ticket });
        Assert.Equal(200, status);
        factors.Clock.Advance(TimeSpan.FromSeconds(1));

        await AssertLateAsync(400, "auth/second-factor", new { ticket, code = factors.CodeOf(secret) });
        await AssertLateAsync(400, "auth/passkeys/options", new { ticket });
        await AssertLateAsync(401, "auth/passkeys", PasskeyTests.AnswerTo(alone, passkey));
        using var late = new TestPasskey(browser.Origin);
        (status, var problem) = await PostAsync(browser, "api/v1/me/passkeys", new JsonObject
        {
            ["ticket"] = adding.GetProperty("ticket").GetString(),
            ["name"] = "late",
            ["credential"] = late.Make(adding.GetProperty("options")),
        });
        Assert.Equal(400, status);
        Assert.Equal("it took too long: try again", problem.GetProperty("detail").GetString());
        using var list = await browser.GetAsync("api/v1/me/second-factors");
        Assert.DoesNotContain("late", await list.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        using var form = new FormUrlEncodedContent([new("ticket", ticket), new("code", factors.CodeOf(secret))]);
        using var page = await other.SendAsync("auth/second-factor", form, other.Origin);
        Assert.Equal(HttpStatusCode.BadRequest, page.StatusCode);
        Assert.Contains("took too long", await page.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        Assert.Null(other.SessionCookie);

        // The question for a passkey is younger than the password, and no code was looked at.
        Assert.Equal(
            200, (await PostAsync(other, "auth/passkeys", PasskeyTests.AnswerTo(second, passkey))).Status);
        other.ForgetCookies();
        (_, step) = await PostAsync(other, "auth/password", new { name = user, password = Password });
        ticket = step.GetProperty("ticket").GetString();
        Assert.Equal(
            200, (await PostAsync(other, "auth/second-factor", new { ticket, code = factors.CodeOf(secret) })).Status);

        async Task AssertLateAsync(int expected, string path, object body)
        {
            var (answer, refused) = await PostAsync(other, path, body);
            Assert.Equal(expected, answer);
            Assert.Contains("took too long", refused.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Null(other.SessionCookie);
        }
    }

    [Fact]
    public async Task An_invitation_ends_when_it_says_and_then_makes_no_account()
    {
        foreach (var days in new int?[] { null, 2 })
        {
            using var admin = await factors.SignInAsync("admin");
            var name = $"late{days ?? 0}";
            var end = days is { } chosen ? factors.Clock!.GetUtcNow().AddDays(chosen) : (DateTimeOffset?)null;
            var (_, made) = await PostAsync(
                admin, "api/v1/invitations", end is null ? new { name } : new { name, expiresAt = end });
            var path = new Uri(made.GetProperty("url").GetString()!).AbsolutePath;
            var expires = made.GetProperty("invitation").GetProperty("expiresAt").GetDateTimeOffset();
            Assert.Equal(days ?? 7, (expires - factors.Clock!.GetUtcNow()).TotalDays, tolerance: 0.001);

            using var browser = new TestBrowser(factors.Registry);
            factors.Clock.Advance(expires - factors.Clock.GetUtcNow() - TimeSpan.FromMinutes(1));
            using var open = await browser.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, open.StatusCode);
            factors.Clock.Advance(TimeSpan.FromMinutes(1));
            using var page = await browser.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
            Assert.Contains("has expired", await page.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
            Assert.Equal(404, (await PostAsync(browser, path, new { password = Password })).Status);
            Assert.Null(browser.SessionCookie);
            Assert.Equal(404, await factors.AskAsync("admin", HttpMethod.Get, $"users/{name}"));
        }
    }
}
