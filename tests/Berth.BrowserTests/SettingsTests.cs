using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>The pages of settings, without scripts, and with keys alone.</summary>
public sealed class SettingsTests(Chromium chromium) : IAsyncLifetime
{
    private FilledRegistry registry = null!;

    public async ValueTask InitializeAsync() => registry = await FilledRegistry.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_form_with_what_is_wrong_is_accessible_and_runs_nothing_of_it()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SetViewportSizeAsync(390, 900);
        await page.SignInAsync();
        await page.GotoAsync("/settings/tokens");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("x");
        await page.GetByLabel("Only in these repositories").FillAsync(FilledRegistry.Hostile);
        await page.PressAsync("Make the token");
        await page.GetByRole(AriaRole.Alert).WaitForAsync();
        PageChecks.AssertNone(await page.FaultsAsync("tokens, refused", 390));
        browser.AssertSound();
    }

    [Fact]
    public async Task Without_scripts_one_makes_a_token_an_organization_a_team_and_a_robot()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.Locator("details.menu summary").ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Settings" }).ClickAsync();
        await FollowAsync(page, "Tokens");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("laptop");
        await page.PressAsync("Make the token");
        await Assertions.Expect(page.GetByText("only this once")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Done: I have saved it" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Revoke laptop" }).ClickAsync();
        await page.PressAsync("Revoke it");
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Revoke laptop" })).ToHaveCountAsync(0);

        await FollowAsync(page, "Organizations");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("made");
        await page.PressAsync("Make the organization");
        await page.GetByRole(AriaRole.Link, new() { Name = "Teams", Exact = true }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("ops");
        await page.PressAsync("Make the team");
        await page.GetByLabel("User", new() { Exact = true }).FillAsync("ann");
        await page.PressAsync("Add a member");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Remove ann" })).ToBeVisibleAsync();

        await page.Locator(".tabs").GetByRole(AriaRole.Link, new() { Name = "Robots" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("made.ci");
        await page.PressAsync("Make the robot");
        await Assertions.Expect(page.GetByText("docker login -u robot.made.ci")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task With_keys_alone_one_changes_the_profile_and_a_wrong_field_is_named()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
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
        await page.SignInAsync();
        await page.GotoAsync("/settings/organizations/acme/teams");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("twice");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the team" }).DblClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("/teams/twice\\?done=added$"));
        await page.GoBackAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "twice" })).ToHaveCountAsync(1);
        await page.GoForwardAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Team twice" })).ToBeVisibleAsync();
        browser.AssertSound();
    }

    private static Task FollowAsync(IPage page, string link) =>
        page.Locator("nav.side").GetByRole(AriaRole.Link, new() { Name = link }).ClickAsync();
}
