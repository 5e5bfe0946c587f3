namespace Berth.BrowserTests;

/// <summary>Each page of the program, from the program's own table: full and empty.</summary>
public sealed class PageWalkTests(Chromium chromium)
{
    [Fact]
    public async Task Each_page_of_the_program_is_in_the_table()
    {
        await using var filled = await FilledRegistry.StartEmptyAsync();
        var pages = PageRoutes.PagesOf(filled).ToList();
        Assert.Equal(string.Join('\n', pages), string.Join('\n', WalkedPages.All.Keys.Order(StringComparer.Ordinal)));
        Assert.True(PageRoutes.FormsOf(filled).Count() >= 35);
    }

    [Fact]
    public async Task Full_pages_are_accessible_small_and_fit_the_screen()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        await browser.Page.SignInAsync();
        var faults = new List<string>();
        foreach (var path in WalkedPages.All.Values.SelectMany(paths => paths(filled)))
            faults.AddRange(await browser.FaultsOfAsync(path));
        foreach (var path in WalkedPages.Absent) faults.AddRange(await browser.FaultsOfAsync(path, 404));
        PageChecks.AssertNone(faults);
        browser.AssertSound();
    }

    [Fact]
    public async Task Empty_pages_are_accessible_small_and_fit_the_screen()
    {
        await using var filled = await FilledRegistry.StartEmptyAsync();
        await filled.Ann.ApiAsync("POST", "/repositories", """{"name":"ann/empty"}""", 201);
        await filled.Ann.ApiAsync("POST", "/organizations", """{"name":"empty"}""", 201);
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        await browser.Page.SignInAsync();
        var faults = new List<string>();
        foreach (var path in PageRoutes.PagesOf(filled).Where(path => !path.Contains('{')).Concat(
        [
            "/r/ann/empty", "/r/ann/empty/-/settings", "/r/ann/empty/-/remove", "/settings/organizations/empty",
            "/settings/organizations/empty/teams", "/settings/organizations/empty/settings",
            "/settings/access?namespace=empty", "/settings/robots?namespace=empty",
        ]))
        {
            faults.AddRange(await browser.FaultsOnPhoneAsync(path));
        }

        PageChecks.AssertNone(faults);
        browser.AssertSound();
    }
}
