using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>What people do on the pages about what is stored, with scripts and without.</summary>
public sealed class PageTests(Chromium chromium) : IAsyncLifetime
{
    private FilledRegistry registry = null!;

    public async ValueTask InitializeAsync() => registry = await FilledRegistry.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_star_is_given_and_taken_back_and_a_double_click_gives_one()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.GotoAsync("/r/open/app");
        await page.GetByRole(AriaRole.Button, new() { Name = "Star", Exact = true }).DblClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove the star" }).WaitForAsync();
        var stars = page.Locator("dl.facts div", new() { HasText = "Stars" }).Locator("dd");
        await Assertions.Expect(stars).ToHaveTextAsync("1");
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove the star" }).ClickAsync();
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
        await page.SignInAsync();
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
    public async Task One_box_selects_all_tags_of_a_page_and_tells_whether_all_are()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.GotoAsync("/r/team/app");
        var all = page.GetByLabel("Select all on this page");
        await all.CheckAsync();
        await Assertions.Expect(page.Locator("tbody input:checked")).ToHaveCountAsync(2);
        await page.GetByLabel("Select 1.0").UncheckAsync();
        await Assertions.Expect(all).Not.ToBeCheckedAsync();
        Assert.True(await all.EvaluateAsync<bool>("box => box.indeterminate"));
        await page.GetByLabel("Select 1.0").CheckAsync();
        await Assertions.Expect(all).ToBeCheckedAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete the selected" }).ClickAsync();
        await Assertions.Expect(page.Locator("main")).ToContainTextAsync("Delete 2 tags of team/app?");
        Assert.DoesNotContain("=on", page.Url);
        await page.GoBackAsync();
        await Assertions.Expect(all).ToBeCheckedAsync();
        browser.AssertSound();
    }

    [Fact]
    public async Task Without_scripts_one_compares_two_tags_by_their_names()
    {
        await using var browser = await chromium.OpenWithoutScriptsAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.GotoAsync("/r/team/files");
        Assert.False(await page.GetByLabel("Select all on this page").IsVisibleAsync());
        await page.GotoAsync("/r/team/files:moved");
        await page.GetByRole(AriaRole.Link, new() { Name = "Compare" }).ClickAsync();
        await page.GetByLabel("Tag or digest", new() { Exact = true }).FillAsync("1");
        await page.GetByLabel("Other tag or digest").FillAsync("2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Compare" }).ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(
            new Uri(registry.BaseAddress, "/r/team/files:1/-/compare?to=2").ToString());
        var heading = page.GetByRole(AriaRole.Heading, new() { Name = "1 compared with 2" });
        await Assertions.Expect(heading).ToBeVisibleAsync();
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
        await page.SignInAsync();
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
        await Assertions.Expect(page.Locator("pre")).ToHaveTextAsync(FilledRegistry.Hostile);
        await page.GotoAsync("/r/team/files:1/-/files?path=/logo.png");
        Assert.Equal(1, await page.Locator("img").EvaluateAsync<int>("picture => picture.naturalWidth"));
    }

    [Fact]
    public async Task A_tag_is_moved_back_with_a_question_before()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        await page.GotoAsync("/r/team/files:moved/-/history");
        await page.GetByRole(AriaRole.Link, new() { Name = "Move back" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = $"Move to {registry.Before[7..19]}" }).DblClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(
            new Uri(registry.BaseAddress, "/r/team/files:moved/-/history").ToString());
        await Assertions.Expect(page.Locator("tr", new() { HasText = registry.Before[7..19] }).First)
            .ToContainTextAsync("now");
        browser.AssertSound();
    }

    [Fact]
    public async Task With_keys_alone_one_goes_through_rows_and_signs_out()
    {
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
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
}
