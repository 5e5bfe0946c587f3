using System.Net.Http.Json;
using System.Text.Json;
using Berth.Access;
using Berth.Settings;
using Berth.Tests;
using Berth.Tests.Access;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>Names and other texts with markup in them, on all pages that show them.</summary>
public sealed class HostileNameTests(Chromium chromium)
{
    private const string Password = "a good password";
    private const string Markup = "\"'><img src=x onerror=window.hacked=1><script>window.hacked=1</script>";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Markup_in_texts_is_shown_as_text()
    {
        await using var registry = await AccountsOf.StartAsync(auth => auth with
        {
            Local = auth.Local with { OpenRegistration = true },
            Oidc =
            [
                new OpenIdSettings
                {
                    Name = "hub", DisplayName = Markup, Kind = OpenIdKind.GitHub, ClientId = "x", ClientSecret = "y",
                },
            ],
        });
        await new AccountsOf(registry).AddUserAsync("ann", Password, RegistryRole.Administrator);
        await using var browser = await chromium.OpenAsync(
            new UriBuilder(registry.BaseAddress) { Host = "localhost" }.Uri);
        var page = browser.Page;
        await browser.AddDeviceAsync();

        // Before the sign-in: where it leads, which code was typed, and what other ways are called.
        var hostile = Uri.EscapeDataString(Markup);
        foreach (var path in new[]
        {
            $"/auth/sign-in?return=/{hostile}", $"/auth/device?code={hostile}", $"/auth/{hostile}/start",
            $"/auth/join/{hostile}", "/auth/sign-in?return=/auth/account",
        })
        {
            await LookAsync(page, path);
        }

        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = Markup })).ToBeVisibleAsync();
        await page.GetByLabel("Name").FillAsync("ann");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await page.GetByLabel("Name of the device").FillAsync(Markup);
        await page.GetByRole(AriaRole.Button, new() { Name = "Add a passkey" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Cell, new() { Name = Markup })).ToBeVisibleAsync();
        await AssertNothingRanAsync(page);

        // A program that waits says what it is called.
        using var form = new FormUrlEncodedContent([new("name", Markup)]);
        using var begun = await registry.Client.PostAsync("auth/device", form, Stop);
        var code = JsonDocument.Parse(await begun.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("user_code").GetString();
        await LookAsync(page, $"/auth/device?code={code}");
        await Assertions.Expect(page.GetByText("asks to sign in as")).ToContainTextAsync(Markup[..60]);

        // What the database has of others, in whatever way it came there.
        using var invited = new HttpRequestMessage(HttpMethod.Post, "api/v1/invitations");
        invited.Headers.TryAddWithoutValidation("Authorization", AccountsOf.Basic("admin", AccountsOf.AdminPassword));
        invited.Content = JsonContent.Create(new { });
        using var made = await registry.Client.SendAsync(invited, Stop);
        var url = JsonDocument.Parse(await made.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("url").GetString()!;
        await LookAsync(page, new Uri(url).AbsolutePath);
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(Markup);
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the account" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToBeVisibleAsync();
        await AssertNothingRanAsync(page);
        browser.AssertSound();
    }

    /// <summary>The page where a program is let in must not lie under somebody else's buttons.</summary>
    [Fact]
    public async Task No_page_is_shown_inside_another()
    {
        await using var registry = await AccountsOf.StartAsync();
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.GotoAsync("/");
        foreach (var path in new[] { "/auth/device", "/auth/account", "/auth/sign-in", "/auth/session" })
        {
            await page.SetContentAsync($"<iframe src=\"{registry.BaseAddress}{path[1..]}\"></iframe>");
            var frame = await page.Locator("iframe").ElementHandleAsync();
            var inside = await frame.ContentFrameAsync();
            await page.WaitForTimeoutAsync(300);
            var text = await inside!.EvaluateAsync<string>("document.body?.innerText ?? ''");
            Assert.DoesNotContain("Sign in", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("hasPasswords", text, StringComparison.Ordinal);
        }
    }

    private static async Task LookAsync(IPage page, string path)
    {
        await page.GotoAsync(path);
        await AssertNothingRanAsync(page);
    }

    private static async Task AssertNothingRanAsync(IPage page)
    {
        Assert.False(await page.EvaluateAsync<bool>("'hacked' in window"), page.Url);
        Assert.Equal(0, await page.Locator("img").CountAsync());
    }
}
