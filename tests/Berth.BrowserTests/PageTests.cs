using Berth.Access;
using Berth.Tests;
using Berth.Tests.Access;
using Berth.Tests.Contents;
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

    private static readonly byte[] Png = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    private RegistryFixture registry = null!;

    /// <summary>Where a tag pointed before.</summary>
    private string before = "";

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
        await PushFilesAsync(ann);
        await ann.ApiAsync("PATCH", "/repositories/open/app", """{"isPublic":true}""", 200);
        await ann.ApiAsync(
            "PATCH", "/repositories/team/app",
            $$"""
            {"description":"{{Hostile}} of the team","readme":"# App\n\n{{Hostile}}\n\n| a | b |\n|---|---|\n| 1 | 2 |"}
            """,
            200);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    /// <summary>Images with files in them, and something that says something about one.</summary>
    private async Task PushFilesAsync(ImagePusher ann)
    {
        var images = new ContentImages(registry);
        var lower = new RawTar().Folder("etc").File("etc/motd", "hello").File("page.html", Hostile)
            .Entry("logo.png", Png).File(Hostile, "1").File("link", "", '2', "etc/motd").End();
        var upper = new RawTar().File("etc/.wh.motd", "").File("etc/new", Hostile).End();
        before = await images.PushAsync("team/files", "1", lower);
        await images.PushAsync("team/files", "moved", lower);
        await images.PushAsync("team/files", "2", lower, upper);
        await images.PushAsync("team/files", "moved", lower, upper);
        await images.SeeAsync("2/files?repository=team/files");
        await ann.PushReferrerAsync("team/files", before);
    }

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
        var faults = new List<string>();
        foreach (var path in new[]
        {
            "/search?q=app", "/search?q=nothing-of-the-kind",
            "/", "/explore", "/explore?namespace=nobody", "/r/team/app", "/r/" + Long, "/r/team/app:1.0",
            "/r/team/app?matching=none", "/r/team/app?rows=images&sort=name", "/r/team/app/-/settings",
            "/r/team/app/-/access", "/explore?label=team%3Dweb",
            "/r/team/app/-/remove", "/r/team/app/-/delete?tag=1.0", "/r/team/app:1.0/-/tag",
            "/explore?namespace=team&sort=pushed&platform=linux/amd64",
            "/r/team/nothing", "/nowhere", "/r/team/files:1", "/r/team/files:2/-/files",
            "/r/team/files:2/-/files?waste=1",
            "/r/team/files:1/-/files?path=/page.html", "/r/team/files:1/-/files?path=/logo.png",
            "/r/team/files:1/-/files?q=page", "/r/team/files:1/-/compare", "/r/team/files:1/-/compare?to=2",
            "/r/team/files:1/-/referrers", "/r/team/app:1.0/-/referrers", "/r/team/files:1/-/json",
            "/r/team/files:moved/-/history", $"/r/team/files:moved/-/history?to={before}",
        })
        {
            await page.GotoAsync(path);
            var found = await page.RunAxe();
            faults.AddRange(found.Violations.Select(
                one => $"{path}: {one.Id}: {one.Help} {string.Join(' ', one.Nodes.Select(node => node.Html))}"));
            var overflow = await page.EvaluateAsync<int>(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth");
            if (overflow > 0) faults.Add($"{path} is {overflow} px wider than a screen of {width} px");
            Assert.Null(await page.EvaluateAsync<int?>("window.hacked ?? null"));
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
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
    public async Task Without_scripts_one_filters_tags_and_deletes_those_that_are_selected()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/r/team/app");
        await page.GetByLabel("Part of a tag").FillAsync("VVV");
        await page.GetByRole(AriaRole.Button, new() { Name = "Filter" }).ClickAsync();
        await Assertions.Expect(page.Locator("tr[data-row]")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Link, new() { Name = "All tags" }).ClickAsync();
        await page.GetByLabel("Select 1.0").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete the selected" }).ClickAsync();
        await Assertions.Expect(page.Locator("main")).ToContainTextAsync("The tag goes: 1.0.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete the tag" }).ClickAsync();
        await Assertions.Expect(page.Locator("tr[data-row]")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Link, new() { Name = "Change " + new string('v', 128) }).ClickAsync();
        await page.GetByLabel("New tag").FillAsync("short");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add another tag" }).ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(new Uri(registry.BaseAddress, "/r/team/app:short").ToString());
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
    public async Task Without_scripts_one_browses_files_and_nothing_in_them_runs()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/r/team/files:1");
        await page.GetByRole(AriaRole.Link, new() { Name = "podman" }).ClickAsync();
        await Assertions.Expect(page.GetByText("podman pull").First).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Files", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "etc", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "motd" }).ClickAsync();
        await Assertions.Expect(page.Locator("pre")).ToHaveTextAsync("hello");
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Part of a file's name" }).FillAsync("page");
        await page.GetByRole(AriaRole.Button, new() { Name = "Find" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "/page.html" }).ClickAsync();
        await Assertions.Expect(page.Locator("pre")).ToHaveTextAsync(Hostile);
        await page.GotoAsync("/r/team/files:1/-/files?path=/logo.png");
        Assert.Equal(1, await page.Locator("img").EvaluateAsync<int>("picture => picture.naturalWidth"));
    }

    [Fact]
    public async Task A_tag_is_moved_back_with_a_question_before()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/r/team/files:moved/-/history");
        await page.GetByRole(AriaRole.Link, new() { Name = "Move back" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = $"Move to {before[7..19]}" }).DblClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(
            new Uri(registry.BaseAddress, "/r/team/files:moved/-/history").ToString());
        await Assertions.Expect(page.Locator("tr", new() { HasText = before[7..19] }).First).ToContainTextAsync("now");
        browser.AssertSound();
    }

    [Fact]
    public async Task With_keys_alone_one_goes_through_rows_and_signs_out()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await SignInAsync(page);
        await page.GotoAsync("/r/team/app?sort=name");
        await page.Keyboard.PressAsync("j");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("/r/team/app:1.0$"));
        await page.Locator("details.menu summary").FocusAsync();
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
