using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>The pages of settings about the registry, without scripts, and with keys alone.</summary>
public sealed class RegistryPageTests(Chromium chromium) : IAsyncLifetime
{
    private FilledRegistry registry = null!;

    public async ValueTask InitializeAsync() => registry = await FilledRegistry.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Without_scripts_a_rule_is_tried_out_and_added()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.GotoAsync("/settings/rules");
        await page.GetByLabel("Repositories", new() { Exact = true }).FillAsync("team/app");
        await page.GetByLabel("Keep the last pushed").FillAsync("1");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show what it would remove" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "What this rule would do" }))
            .ToBeVisibleAsync();
        await Assertions.Expect(page.GetByLabel("Keep the last pushed")).ToHaveValueAsync("1");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add the rule" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Cell, new() { Name = "Keep the last 1 pushed." }))
            .ToBeVisibleAsync();
    }

    [Fact]
    public async Task With_keys_alone_something_is_brought_back_from_the_trash()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.GotoAsync("/settings/trash?namespace=team");
        await page.GetByRole(AriaRole.Button, new() { Name = "Restore team/gone:1.0" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Restore team/gone:1.0" }))
            .ToHaveCountAsync(0);
        await page.GotoAsync("/r/team/gone:1.0");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("team/gone:1.0");
        browser.AssertSound();
    }
}
