using System.Text.RegularExpressions;
using Berth.Api;
using Berth.Pages;
using Berth.Tests;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.BrowserTests;

/// <summary>
/// Each page of the program and each form on it, from the program's own table: full, empty, for somebody without
/// rights, for nobody, and with an error.
/// </summary>
[Collection(BrowserTests.Name)]
public sealed partial class PageWalkTests(Chromium chromium)
{
    /// <summary>What answers GET under <c>/auth</c> and is no page.</summary>
    private static readonly string[] NotPages =
        ["/auth/session", "/auth/passkeys.js", "/auth/{system}/start", "/auth/{system}/callback"];

    /// <summary>Pages that anybody may see, whatever is in the registry.</summary>
    private static readonly string[] OfEveryone = ["/", "/explore", "/search"];

    [Fact]
    public async Task Each_page_of_the_program_is_in_the_table()
    {
        await using var filled = await FilledRegistry.StartEmptyAsync();
        var pages = PagesOf(filled).ToList();
        Assert.Equal(string.Join('\n', pages), string.Join('\n', WalkedPages.All.Keys.Order(StringComparer.Ordinal)));
        Assert.True(FormsOf(filled).Count() >= 35);
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
        foreach (var path in PagesOf(filled).Where(path => !path.Contains('{')).Concat(
        [
            "/r/ann/empty", "/r/ann/empty/-/settings", "/r/ann/empty/-/remove", "/settings/organizations/empty",
            "/settings/organizations/empty/teams", "/settings/organizations/empty/settings",
            "/settings/access?namespace=empty", "/settings/robots?namespace=empty",
        ]))
        {
            faults.AddRange(await browser.FaultsOfAsync(path));
        }

        PageChecks.AssertNone(faults);
        browser.AssertSound();
    }

    [Fact]
    public async Task Whoever_may_not_see_a_page_gets_one_that_says_so()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        var faults = new List<string>();
        var hidden = WalkedPages.All.Where(page => !OfEveryone.Contains(page.Key) && !IsOfSignIn(page.Key))
            .Select(page => (Route: page.Key, Path: page.Value(filled)[0])).ToList();
        foreach (var (_, path) in hidden)
        {
            await browser.Page.GotoAsync(path);
            if (!new Uri(browser.Page.Url).AbsolutePath.StartsWith("/auth/sign-in", StringComparison.Ordinal))
                faults.Add($"{path}: nobody is not asked to sign in, but is at {browser.Page.Url}");
        }

        await browser.Page.SignInAsync("eve");
        var refused = Routes(filled)
            .Where(route => MethodsOf(route).Contains("GET") && IsOfOthers(route.Metadata.GetMetadata<RequiredRight>()))
            .Select(route => route.Metadata.GetMetadata<PageAddress>()?.Path).ToHashSet();
        foreach (var (route, path) in hidden)
        {
            faults.AddRange(await browser.FaultsOfAsync(path));
            var answer = await browser.Page.GotoAsync(path);
            if (refused.Contains(route) && answer!.Status is not (403 or 404))
                faults.Add($"{path}: eve gets {answer.Status}");
        }

        Assert.InRange(refused.Count, 20, 1000);
        PageChecks.AssertNone(faults);
        browser.AssertSound();
    }

    [Fact]
    public async Task A_page_that_is_asked_for_nonsense_says_so()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        await browser.Page.SignInAsync();
        var (faults, refused) = (new List<string>(), 0);
        foreach (var path in WalkedPages.All.Where(page => !IsOfSignIn(page.Key)).Select(page => page.Value(filled)[0]))
        {
            var address = path + (path.Contains('?') ? "&" : "?") + "n=0&last=%00&since=x&platform=%00&to=%00&path=%00";
            var answer = await browser.Page.GotoAsync(address);
            if (answer!.Status == 200) continue;
            refused++;
            if (answer.Status is < 400 or > 499) faults.Add($"{address}: {answer.Status}");
            faults.AddRange(await browser.FaultsOfAsync(address, answer.Status));
        }

        PageChecks.AssertNone(faults);
        Assert.InRange(refused, 15, 1000);
        browser.AssertSound();
    }

    /// <summary>A form that is sent empty changes nothing, or says what is missing, on a page as all are.</summary>
    [Theory]
    [InlineData("ann")]
    [InlineData("eve")]
    public async Task Each_form_that_is_refused_says_so_on_a_page(string user)
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync(user);
        var (faults, refused) = (new List<string>(), 0);
        foreach (var path in FormsOf(filled).Select(Filled))
        {
            await page.GotoAsync("/explore");
            await page.SetViewportSizeAsync(390, 900);
            var (status, _) = await SendAsync(page, path);
            if (status is >= 200 and < 400) continue;
            refused++;
            if (status >= 500) faults.Add($"{path}: {status}");
            faults.AddRange(await page.FaultsAsync($"{path}, refused with {status},", 390));
            if (await page.Locator("h1").CountAsync() != 1) faults.Add($"{path}: {await page.ContentAsync()}");
        }

        PageChecks.AssertNone(faults);
        Assert.InRange(refused, user == "eve" ? 50 : 35, 1000);
        browser.AssertSound();
    }

    /// <summary>Sends a form without fields, as a page of this registry would.</summary>
    private static async Task<(int Status, string Address)> SendAsync(Microsoft.Playwright.IPage page, string path)
    {
        var answer = await page.RunAndWaitForResponseAsync(
            () => page.EvaluateAsync(
                """
                path => {
                  window.isOld = true;
                  const form = document.createElement("form");
                  form.method = "post";
                  form.action = path;
                  document.body.append(form);
                  form.submit();
                }
                """,
                path),
            one => one.Request.Method == "POST");
        await page.WaitForFunctionAsync("() => !window.isOld && document.readyState === 'complete'");
        return (answer.Status, page.Url);
    }

    private static bool IsOfSignIn(string route) => route.StartsWith("/auth/", StringComparison.Ordinal);

    private static IEnumerable<RouteEndpoint> Routes(FilledRegistry filled) =>
        filled.Registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    private static IEnumerable<string> PagesOf(FilledRegistry filled) => Routes(filled)
        .Where(route => MethodsOf(route).Contains("GET"))
        .Select(route => route.Metadata.GetMetadata<PageAddress>()?.Path
            ?? "/" + route.RoutePattern.RawText!.TrimStart('/'))
        .Where(path => !NotPages.Contains(path))
        .Where(path => IsOfSignIn(path) || Routes(filled).Any(
            route => route.Metadata.GetMetadata<PageAddress>()?.Path == path))
        .Distinct().Order(StringComparer.Ordinal);

    private static IEnumerable<string> FormsOf(FilledRegistry filled) => Routes(filled)
        .Where(route => MethodsOf(route).Contains("POST"))
        .Select(route => route.Metadata.GetMetadata<PageAddress>()?.Path).OfType<string>()
        .Distinct().Order(StringComparer.Ordinal);

    private static IReadOnlyList<string> MethodsOf(RouteEndpoint route) =>
        route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [];

    /// <summary>Whether somebody without any rights gets nothing of it.</summary>
    private static bool IsOfOthers(RequiredRight? required) =>
        required?.Right is ApiRight.Staff or ApiRight.Administrator or >= ApiRight.Pull;

    /// <summary>The address of something that is not there, or of what ann may change.</summary>
    private static string Filled(string route) => Parameter().Replace(
        route.Replace("/r/{name}:{reference}", "/r/team/files:1").Replace("/r/{name}", "/r/team/app"),
        match => match.Value.Contains("id") ? "999999" : "nobody");

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Parameter();
}
