using System.Net;
using System.Text;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>What pages and errors under <c>/auth</c> tell browsers, and where they send them.</summary>
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed class PageHeaderTests(SecondFactorRegistry factors)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_page_is_kept_framed_or_guessed_at_and_none_tells_others_its_address()
    {
        using var admin = await factors.SignInAsync("admin");
        using var stranger = new TestBrowser(factors.Registry);
        foreach (var browser in new[] { admin, stranger })
        {
            foreach (var path in new[]
            {
                "auth/sign-in", "auth/account", "auth/register", "auth/join/berth_inv_x", "auth/session", "auth/device",
                "auth/device?code=AAAA-AAAA", "auth/device?code=BCDF-GHJK", "auth/passkeys.js", "auth/none/start",
                "auth/none/callback",
            })
            {
                using var answer = await browser.GetAsync(path);
                AssertSafe(answer, path);
            }

            foreach (var path in new[]
            {
                "auth/password", "auth/second-factor", "auth/passkeys", "auth/passkeys/options", "auth/device",
                "auth/device/token", "auth/register", "auth/join/berth_inv_x", "auth/account", "auth/none/link",
            })
            {
                foreach (var origin in new[] { browser.Origin, "https://evil.example.com" })
                {
                    using var body = new StringContent("{", Encoding.UTF8, "application/json");
                    using var answer = await browser.SendAsync(path, body, origin);
                    AssertSafe(answer, path);
                }
            }
        }
    }

    /// <summary>Browsers take some of these for another host, and leave out tabs and ends of lines.</summary>
    [Theory]
    [InlineData("//evil.example.com")]
    [InlineData("///evil.example.com")]
    [InlineData("/\\evil.example.com")]
    [InlineData("\\\\evil.example.com")]
    [InlineData("\\/evil.example.com")]
    [InlineData("/\t/evil.example.com")]
    [InlineData("/\r\n/evil.example.com")]
    [InlineData("\t//evil.example.com")]
    [InlineData(" //evil.example.com")]
    [InlineData("https:evil.example.com")]
    [InlineData("https://evil.example.com")]
    [InlineData("HTTPS://evil.example.com")]
    [InlineData("javascript:alert(1)")]
    [InlineData("data:text/html,x")]
    [InlineData("evil.example.com")]
    [InlineData("@evil.example.com")]
    [InlineData(".evil.example.com")]
    [InlineData("/\u00a0/evil.example.com")]
    [InlineData("/\uff0fevil.example.com")]
    [InlineData("/a\r\nSet-Cookie: x=y")]
    public async Task After_a_sign_in_no_browser_is_sent_elsewhere(string back)
    {
        foreach (var sent in new[] { back, Uri.EscapeDataString(back) })
        {
            using var browser = new TestBrowser(factors.Registry);
            using var form = new FormUrlEncodedContent(
                [new("name", "admin"), new("password", Password), new("return", sent)]);
            using var answer = await browser.SendAsync("auth/password", form, browser.Origin);
            Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
            Assert.Equal("/", answer.Headers.GetValues("Location").Single());
            Assert.Single(answer.Headers.GetValues("Set-Cookie"));
            using var page = await browser.GetAsync($"auth/sign-in?return={Uri.EscapeDataString(sent)}");
            Assert.Contains(
                "name=\"return\" value=\"/\"", await page.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }
    }

    /// <summary>These are paths of this host, whatever is in them.</summary>
    [Theory]
    [InlineData("/%5cevil.example.com")]
    [InlineData("/%2f%2fevil.example.com")]
    [InlineData("/auth/device?code=%0d%0aX:y")]
    [InlineData("/\"><script>alert(1)</script>")]
    public async Task A_path_of_the_registry_is_gone_to_as_it_is(string back)
    {
        using var browser = new TestBrowser(factors.Registry);
        using var form = new FormUrlEncodedContent(
            [new("name", "admin"), new("password", Password), new("return", back)]);
        using var answer = await browser.SendAsync("auth/password", form, browser.Origin);
        var location = answer.Headers.GetValues("Location").Single();
        Assert.Equal(
            factors.Registry.BaseAddress.Authority, new Uri(factors.Registry.BaseAddress, location).Authority);
        using var page = await browser.GetAsync($"auth/sign-in?return={Uri.EscapeDataString(back)}");
        Assert.DoesNotContain(
            "<script>alert", await page.Content.ReadAsStringAsync(Stop), StringComparison.OrdinalIgnoreCase);
    }

    private static void AssertSafe(HttpResponseMessage answer, string path)
    {
        Assert.True((int)answer.StatusCode < 500, path);
        Assert.True(answer.Headers.CacheControl is { NoStore: true }, path);
        Assert.Equal("nosniff", One("X-Content-Type-Options"));
        Assert.Equal("same-origin", One("Referrer-Policy"));
        Assert.Equal("DENY", One("X-Frame-Options"));
        if (answer.Content.Headers.ContentType?.MediaType != "text/html") return;
        var policy = One("Content-Security-Policy");
        foreach (var part in new[] { "default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri" })
            Assert.Contains(part, policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src 'unsafe", policy, StringComparison.Ordinal);

        string One(string name) => answer.Headers.TryGetValues(name, out var values)
            ? Assert.Single(values) : $"{path} has no {name}";
    }
}
