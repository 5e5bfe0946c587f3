using Berth.Access;
using Berth.Tests;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>The pages of settings about the registry, at each size and in both colours.</summary>
[Collection(BrowserTests.Name)]
public sealed class RegistryPageTests(Chromium chromium) : IAsyncLifetime
{
    private static readonly string Long = "team/" + string.Join('-', Enumerable.Repeat("long", 45));

    private RegistryFixture registry = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password, RegistryRole.Administrator);
        var ann = new ImagePusher(registry, "ann");
        foreach (var name in new[] { "team/app", Long })
        {
            await ann.PushAsync(name, "1.0", "one");
            await ann.PushAsync(name, "2.0", "two");
            await ann.IsAsync("DELETE", $"/api/v1/tags/1.0?repository={name}", 204);
        }

        await ann.ApiAsync("PUT", "/quotas/team", """{"maxBytes":5000}""", 200);
        await ann.ApiAsync("POST", "/tag-rules", """{"names":"team/**","tags":["v*"],"keepLastPushed":3}""", 201);
        await ann.ApiAsync("POST", "/garbage-collections", """{"graceSeconds":0}""", 201);
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
        foreach (var path in new[]
        {
            "health", "jobs", "uploads", "storage", "scrub", "backups", "imports", "audit", "garbage", "trash",
            "trash/empty", "quotas", "quotas/remove?scope=team", "rules", "rules/1/remove", "retention/run",
            "garbage/collect?emptyTrash=yes",
            "pins",
        })
        {
            await page.GotoAsync("/settings/" + path);
            var found = await page.RunAxe();
            Assert.True(found.Violations.Length == 0, $"{path}: " + string.Join('\n', found.Violations.Select(
                one => $"{one.Id}: {one.Help} {string.Join(' ', one.Nodes.Select(node => node.Html))}")));
            var overflow = await page.EvaluateAsync<int>(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth");
            Assert.True(overflow <= 0, $"{path} is {overflow} px wider than a screen of {width} px");
        }

        browser.AssertSound();
    }

    [Fact]
    public async Task Without_scripts_a_rule_is_tried_out_and_added()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
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
        await SignInAsync(page);
        await page.GotoAsync("/settings/trash?namespace=team");
        await page.GetByRole(AriaRole.Button, new() { Name = "Restore team/app:1.0" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Restore team/app:1.0" }))
            .ToHaveCountAsync(0);
        await page.GotoAsync("/r/team/app:1.0");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("team/app:1.0");
        browser.AssertSound();
    }

    private static async Task SignInAsync(IPage page)
    {
        await page.GotoAsync("/auth/sign-in");
        await page.GetByLabel("Name").FillAsync("ann");
        await page.GetByLabel("Password").FillAsync(ImagePusher.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("details.menu summary").First).ToContainTextAsync("ann");
    }
}
