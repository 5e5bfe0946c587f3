using Berth.Access;
using Berth.Tests;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>The pages about what is stored, at each size and in both colours, with scripts and without.</summary>
[Collection(BrowserTests.Name)]
public sealed class PageTests(Chromium chromium) : IAsyncLifetime
{
    private const string Hostile = "'><img src=x onerror=window.hacked=1><script>window.hacked=1</script>";

    private static readonly string Long = "team/" + string.Join('-', Enumerable.Repeat("long", 45));

    private RegistryFixture registry = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password, RegistryRole.Administrator);
        var ann = new ImagePusher(registry, "ann");
        var config = $$$"""
            {"os":"linux","architecture":"amd64","created":"2026-11-20T10:00:00Z","config":{"User":"1000",
            "Env":["PATH=/usr/bin","APP={{{Hostile}}}"],"Cmd":["run"],"Labels":{"{{{Hostile}}}":"{{{Hostile}}}"}},
            "history":[{"created_by":"{{{Hostile}}}","empty_layer":true}]}
            """;
        foreach (var name in new[] { "team/app", Long, "open/app" }) await ann.PushConfigAsync(name, "1.0", config);
        await ann.PushConfigAsync("team/app", new string('v', 128), config);
        await ann.ApiAsync("PATCH", "/repositories/open/app", """{"isPublic":true}""", 200);
        await ann.ApiAsync(
            "PATCH", "/repositories/team/app",
            $$"""
            {"description":"{{Hostile}} of the team","readme":"# App\n\n{{Hostile}}\n\n| a | b |\n|---|---|\n| 1 | 2 |"}
            """,
            200);
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
            "/search?q=app", "/search?q=nothing-of-the-kind",
            "/", "/explore", "/explore?namespace=nobody", "/r/team/app", "/r/" + Long, "/r/team/app:1.0",
            "/r/team/nothing", "/nowhere",
        })
        {
            await page.GotoAsync(path);
            var found = await page.RunAxe();
            Assert.True(found.Violations.Length == 0, $"{path}: " + string.Join('\n', found.Violations.Select(
                one => $"{one.Id}: {one.Help} {string.Join(' ', one.Nodes.Select(node => node.Html))}")));
            var overflow = await page.EvaluateAsync<int>(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth");
            Assert.True(overflow <= 0, $"{path} is {overflow} px wider than a screen of {width} px");
            Assert.Null(await page.EvaluateAsync<int?>("window.hacked ?? null"));
        }

        browser.AssertSound();
    }

    [Fact]
    public async Task A_star_is_given_and_taken_back_and_a_double_click_gives_one()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/r/open/app");
        await page.GetByRole(AriaRole.Button, new() { Name = "Star", Exact = true }).DblClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Take the star back" }).WaitForAsync();
        var stars = page.Locator("dl.facts div", new() { HasText = "Stars" }).Locator("dd");
        await Assertions.Expect(stars).ToHaveTextAsync("1");
        await page.GetByRole(AriaRole.Button, new() { Name = "Take the star back" }).ClickAsync();
        await Assertions.Expect(stars).ToHaveTextAsync("0");
        await Assertions.Expect(page).ToHaveURLAsync(new Uri(registry.BaseAddress, "/r/open/app").ToString());
        browser.AssertSound();
    }

    [Fact]
    public async Task A_command_is_copied_with_a_click_and_the_page_says_so()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await page.GotoAsync("/r/open/app:1.0");
        await page.GetByRole(AriaRole.Button, new() { Name = "Copy the command" }).First.ClickAsync();
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("Copied");
        Assert.Equal(
            $"docker pull {registry.BaseAddress.Authority}/open/app:1.0",
            await page.EvaluateAsync<string>("navigator.clipboard.readText()"));
        browser.AssertSound();
    }

    [Fact]
    public async Task Without_scripts_one_finds_an_image_and_changes_the_colours()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.GotoAsync("/");
        await page.GetByRole(AriaRole.Link, new() { Name = "Explore" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "open/app" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "1.0" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("open/app:1.0");
        Assert.Equal(0, await page.GetByRole(AriaRole.Button, new() { Name = "Copy the command" }).CountAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "Dark" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("open/app:1.0");
        await Assertions.Expect(page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
    }

    [Fact]
    public async Task With_keys_alone_one_goes_through_rows_and_signs_out()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/r/team/app");
        await page.Keyboard.PressAsync("j");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("/r/team/app:1.0$"));
        await page.Locator("summary").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator("details.menu")).Not.ToHaveAttributeAsync("open", "");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Sign in" })).ToBeVisibleAsync();
        browser.AssertSound();
    }

    private async Task SignInAsync(IPage page)
    {
        await page.GotoAsync("/auth/sign-in");
        await page.GetByLabel("Name").FillAsync("ann");
        await page.GetByLabel("Password").FillAsync(ImagePusher.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("details.menu summary")).ToContainTextAsync("ann");
        Assert.StartsWith(registry.BaseAddress.ToString(), page.Url);
    }
}
