using System.Text.RegularExpressions;
using Berth.Access;
using Berth.Tests;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>The pages of settings, at each size and in both colours, without scripts, and with keys alone.</summary>
[Collection(BrowserTests.Name)]
public sealed class SettingsTests(Chromium chromium) : IAsyncLifetime
{
    private const string Hostile = "'><img src=x onerror=window.hacked=1><script>window.hacked=1</script>";

    private static readonly string Long = "l" + string.Concat(Enumerable.Repeat("ong-", 15)) + "er";

    private static readonly string[] Pages =
    [
        "profile", "sign-in", "tokens", "tokens/1/rotate", "tokens/1/revoke", "sessions", "sessions/end",
        "organizations", "organizations/acme", $"organizations/acme/members/{Long}",
        $"organizations/acme/members/{Long}/remove", "organizations/acme/teams", "organizations/acme/teams/dev",
        "organizations/acme/settings", "organizations/empty", "organizations/empty/teams",
        "access?namespace=acme", "access?namespace=empty", "robots?namespace=acme", "robots?namespace=empty",
        "robots/robot.acme.ci", "users", "users/ann", $"users/{Long}", "users/ann/delete", "invitations",
        "keyless-rules", "users/nobody",
    ];

    private RegistryFixture registry = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password, RegistryRole.Administrator);
        var ann = new ImagePusher(registry, "ann");
        foreach (var (method, path, body) in new[]
        {
            ("POST", "/me/tokens", $$"""{"name":"{{Hostile}}","actions":["pull"],"names":["acme/**"]}"""),
            ("POST", "/users", $$"""{"name":"{{Long}}","fullName":"{{Hostile}}","email":"{{Long}}@example.org"}"""),
            ("POST", "/organizations", $$"""{"name":"acme","fullName":"{{Hostile}}","owner":"ann"}"""),
            ("POST", "/organizations", """{"name":"empty"}"""),
            ("PUT", $"/organizations/acme/members/{Long}", """{"role":"reader"}"""),
            ("POST", "/organizations/acme/teams", $$"""{"name":"dev","description":"{{Hostile}}"}"""),
            ("PUT", $"/organizations/acme/teams/dev/members/{Long}", null),
            ("POST", "/grants", """{"names":"acme/**","team":"acme/dev","role":"writer"}"""),
            ("POST", "/robots", $$"""
                {"name":"robot.acme.ci","namespace":"acme","description":"{{Hostile}}",
                "grants":[{"names":"acme/**","role":"writer"}]}
                """),
            ("POST", "/invitations", """{"organization":"acme","role":"reader"}"""),
        })
        {
            await ann.ApiAsync(method, path, body, method == "POST" ? 201 : path.Contains("/teams/") ? 204 : 200);
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Theory]
    [InlineData(390, "light")]
    [InlineData(390, "dark")]
    [InlineData(1440, "light")]
    [InlineData(1440, "dark")]
    public async Task Each_page_is_accessible_and_fits_the_screen(int width, string colours)
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SetViewportSizeAsync(width, 900);
        await page.EmulateMediaAsync(new()
        {
            ColorScheme = colours == "dark" ? ColorScheme.Dark : ColorScheme.Light,
            ReducedMotion = ReducedMotion.Reduce,
        });
        await SignInAsync(page);
        foreach (var path in Pages)
        {
            await page.GotoAsync("/settings/" + path);
            await AssertWellMadeAsync(page, path, width);
        }

        // A form with what is wrong.
        await page.GotoAsync("/settings/tokens");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("x");
        await page.GetByLabel("Only in these repositories").FillAsync(Hostile);
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the token" }).ClickAsync();
        await page.GetByRole(AriaRole.Alert).WaitForAsync();
        await AssertWellMadeAsync(page, "tokens, refused", width);
        browser.AssertSound();
    }

    [Fact]
    public async Task Without_scripts_one_makes_a_token_an_organization_a_team_and_a_robot()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.Locator("details.menu summary").ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Settings" }).ClickAsync();
        await FollowAsync(page, "Tokens");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("laptop");
        await PressAsync(page, "Make the token");
        await Assertions.Expect(page.GetByText("only this once")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Done: I have saved it" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Revoke laptop" }).ClickAsync();
        await PressAsync(page, "Revoke it");
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Revoke laptop" })).ToHaveCountAsync(0);

        await FollowAsync(page, "Organizations");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("made");
        await PressAsync(page, "Make the organization");
        await page.GetByRole(AriaRole.Link, new() { Name = "Teams", Exact = true }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("ops");
        await PressAsync(page, "Make the team");
        await page.GetByLabel("User", new() { Exact = true }).FillAsync("ann");
        await PressAsync(page, "Add a member");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Remove ann" })).ToBeVisibleAsync();

        await page.Locator(".tabs").GetByRole(AriaRole.Link, new() { Name = "Robots" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("made.ci");
        await PressAsync(page, "Make the robot");
        await Assertions.Expect(page.GetByText("docker login -u robot.made.ci")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task With_keys_alone_one_changes_the_profile_and_a_wrong_field_is_named()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/settings/profile");
        await page.GetByLabel("Display name").FocusAsync();
        await page.Keyboard.TypeAsync("Ann of the keys");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("a@b c");
        await page.EvaluateAsync("document.querySelector('form.stack').noValidate = true");
        await page.Keyboard.PressAsync("Enter");
        var email = page.GetByLabel("E-mail");
        await Assertions.Expect(email).ToHaveAttributeAsync("aria-invalid", "true");
        await Assertions.Expect(page.GetByLabel("Display name")).ToHaveValueAsync("Ann of the keys");
        await email.FillAsync("");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByLabel("Display name")).ToHaveValueAsync("Ann of the keys");
        browser.AssertSound();
    }

    [Fact]
    public async Task The_back_button_after_a_change_and_a_double_click_repeat_nothing()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/settings/organizations/acme/teams");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("twice");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the team" }).DblClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("/teams/twice$"));
        await page.GoBackAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "twice" })).ToHaveCountAsync(1);
        await page.GoForwardAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Team twice" })).ToBeVisibleAsync();
        browser.AssertSound();
    }

    private static async Task AssertWellMadeAsync(IPage page, string path, int width)
    {
        var found = await page.RunAxe();
        Assert.True(found.Violations.Length == 0, $"{path}: " + string.Join('\n', found.Violations.Select(
            one => $"{one.Id}: {one.Help} {string.Join(' ', one.Nodes.Select(node => node.Html))}")));
        var overflow = await page.EvaluateAsync<int>(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.True(overflow <= 0, $"{path} is {overflow} px wider than a screen of {width} px");
        Assert.Null(await page.EvaluateAsync<int?>("window.hacked ?? null"));
    }

    private static Task FollowAsync(IPage page, string link) =>
        page.Locator("nav.side").GetByRole(AriaRole.Link, new() { Name = link }).ClickAsync();

    private static Task PressAsync(IPage page, string button) =>
        page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    private static async Task SignInAsync(IPage page)
    {
        await page.GotoAsync("/auth/sign-in");
        await page.GetByLabel("Name").FillAsync("ann");
        await page.GetByLabel("Password").FillAsync(ImagePusher.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("details.menu summary")).ToContainTextAsync("ann");
    }
}
