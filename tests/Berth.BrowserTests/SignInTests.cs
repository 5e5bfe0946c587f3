using Berth.Access;
using Berth.Settings;
using Berth.Tests;
using Berth.Tests.Access;
using Berth.Tests.Servers;
using Microsoft.Playwright;
using OtpNet;

namespace Berth.BrowserTests;

/// <summary>The pages to sign in at, in a real browser.</summary>
public sealed class SignInTests(Chromium chromium)
{
    private const string Password = "a good password";

    [Fact]
    public async Task A_wrong_password_is_told_above_the_form_which_keeps_the_name()
    {
        await using var registry = await AccountsOf.StartAsync();
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.GotoAsync("/auth/sign-in?return=/explore");
        await page.GetByLabel("Name").FillAsync("admin");
        await page.GetByLabel("Password").FillAsync("a wrong one");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("You are not signed in");
        await Assertions.Expect(page.GetByLabel("Name")).ToHaveValueAsync("admin");
        await Assertions.Expect(page.GetByLabel("Password")).ToBeFocusedAsync();
        await page.GetByLabel("Password").FillAsync(AccountsOf.AdminPassword);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(new Uri(registry.BaseAddress, "/explore").ToString());
        browser.AssertSound();
    }

    [Fact]
    public async Task A_user_adds_an_authenticator_app_and_signs_in_with_it()
    {
        await using var registry = await StartAsync();
        await using var browser = await OpenAsync(registry);
        var page = browser.Page;
        await SignInAsync(page, "/auth/account");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add an app" }).ClickAsync();
        await Assertions.Expect(page.Locator(".form svg")).ToBeVisibleAsync();
        var secret = (await page.Locator("code").InnerTextAsync()).Replace(" ", "", StringComparison.Ordinal);
        await page.GetByLabel("Code that it shows").FillAsync(CodeOf(secret, -1));
        await page.GetByRole(AriaRole.Button, new() { Name = "Use it" }).ClickAsync();
        var recovery = (await page.Locator("pre").InnerTextAsync()).Split('\n')[0];

        await browser.SignOutAsync();
        await SignInAsync(page, "/auth/account");
        await page.GetByLabel("Code").FillAsync(CodeOf(secret, 0));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await ArriveAsync(page, "/auth/account");
        Assert.Equal("ann", await browser.WhoAsync());

        await browser.SignOutAsync();
        await SignInAsync(page, "/auth/account");
        await page.GetByLabel("Code").FillAsync("123");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("wrong");
        await page.GetByLabel("Code").FillAsync(recovery);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(page.GetByText("9 left")).ToBeVisibleAsync();
        browser.AssertSound();
    }

    [Fact]
    public async Task A_user_adds_a_passkey_and_signs_in_with_it_alone_and_after_the_password()
    {
        await using var registry = await StartAsync();
        await using var browser = await OpenAsync(registry);
        var page = browser.Page;
        await browser.AddDeviceAsync();
        await SignInAsync(page, "/auth/account");
        await page.GetByLabel("Name of the device").FillAsync("<b>laptop");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add a passkey" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Cell, new() { Name = "<b>laptop" })).ToBeVisibleAsync();

        await browser.SignOutAsync();
        await page.GotoAsync("/auth/sign-in?return=/auth/account");
        await page.GetByRole(AriaRole.Button, new() { Name = "Use a passkey" }).ClickAsync();
        await ArriveAsync(page, "/auth/account");
        Assert.Equal("ann", await browser.WhoAsync());

        await browser.SignOutAsync();
        await SignInAsync(page, "/auth/account");
        Assert.Null(await browser.WhoAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "Use a passkey" }).ClickAsync();
        await ArriveAsync(page, "/auth/account");
        Assert.Equal("ann", await browser.WhoAsync());

        await page.GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
        await Assertions.Expect(page.GetByText("The passkey is removed")).ToBeVisibleAsync();
        browser.AssertSound();
    }

    [Fact]
    public async Task A_user_of_an_OpenID_provider_signs_in_and_confirms_a_program()
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await StartAsync(server);
        await using var browser = await chromium.OpenAsync(registry.BaseAddress, server.Issuer);
        var page = browser.Page;
        await page.GotoAsync("/auth/device");
        await page.GetByRole(AriaRole.Link, new() { Name = "Corporate sign-in" }).ClickAsync();
        await page.Locator("[name=login]").FillAsync("alice");
        await page.Locator("[name=password]").FillAsync("any");
        await page.Locator("button[type=submit]").ClickAsync();
        await page.Locator("button[type=submit]").ClickAsync();
        await ArriveAsync(page, "/auth/device");
        Assert.Equal("alice", await browser.WhoAsync());

        using var form = new FormUrlEncodedContent([new("name", "laptop")]);
        using var begun = await registry.Client.PostAsync("auth/device", form, TestContext.Current.CancellationToken);
        var text = await begun.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var code = System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("user_code").GetString()!;
        await page.GetByLabel("Code").FillAsync(code);
        await page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Let it in" }).ClickAsync();
        await Assertions.Expect(page.GetByText("You can close this page")).ToBeVisibleAsync();
        browser.AssertSound();
    }

    [Fact]
    public async Task A_stranger_makes_an_account()
    {
        await using var registry = await StartAsync();
        await using var browser = await OpenAsync(registry);
        var page = browser.Page;
        await page.GotoAsync("/auth/sign-in");
        await page.GetByRole(AriaRole.Link, new() { Name = "Make an account" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("admin");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the account" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("taken or reserved");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("newcomer");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the account" }).ClickAsync();
        await ArriveAsync(page, "/");
        Assert.Equal("newcomer", await browser.WhoAsync());
        browser.AssertSound();
    }

    [Fact]
    public async Task The_description_of_the_API_is_read_with_nothing_from_elsewhere()
    {
        await using var registry = await StartAsync();
        await using var browser = await OpenAsync(registry);
        await browser.Page.GotoAsync("/api/v1/docs");

        // The viewer draws all of it by script, which takes a busy machine a while.
        await Assertions.Expect(browser.Page.GetByText("Make a token").First)
            .ToBeVisibleAsync(new() { Timeout = 30_000 });
        browser.AssertSound();
    }

    private static async Task SignInAsync(IPage page, string next)
    {
        await page.GotoAsync($"/auth/sign-in?return={next}");
        await page.GetByLabel("Name").FillAsync("ann");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
    }

    private static string CodeOf(string secret, int steps) => new Totp(Base32Encoding.ToBytes(secret))
        .ComputeTotp(TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(30 * steps));

    /// <summary>Passkeys need a name: localhost is the one that works without TLS.</summary>
    private async Task<BrowserPage> OpenAsync(RegistryFixture registry) =>
        await chromium.OpenAsync(new UriBuilder(registry.BaseAddress) { Host = "localhost" }.Uri);

    private static Task ArriveAsync(IPage page, string path) =>
        page.WaitForURLAsync(url => new Uri(url).AbsolutePath == path);

    private static async Task<RegistryFixture> StartAsync(OidcServer? server = null)
    {
        var registry = await AccountsOf.StartAsync(auth => auth with
        {
            Oidc = server is null ? [] : [server.Settings],
            Local = auth.Local with { OpenRegistration = true },
        });
        await new AccountsOf(registry).AddUserAsync("ann", Password, RegistryRole.None);
        return registry;
    }
}
