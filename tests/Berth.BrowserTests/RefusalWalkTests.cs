using System.Text.RegularExpressions;
using Berth.Api;
using Berth.Pages;

namespace Berth.BrowserTests;

/// <summary>
/// Each page of the program and each form on it, from the program's own table, for somebody without rights, for nobody,
/// and with an error.
/// </summary>
public sealed partial class RefusalWalkTests(Chromium chromium)
{
    /// <summary>Pages that anybody may see, whatever is in the registry.</summary>
    private static readonly string[] OfEveryone = ["/", "/explore", "/search"];

    [Fact]
    public async Task Whoever_may_not_see_a_page_gets_one_that_says_so()
    {
        await using var filled = await FilledRegistry.StartAsync();
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        var faults = new List<string>();
        var hidden = WalkedPages.All.Where(page => !OfEveryone.Contains(page.Key) && !PageRoutes.IsOfSignIn(page.Key))
            .Select(page => (Route: page.Key, Path: page.Value(filled)[0])).ToList();
        foreach (var (_, path) in hidden)
        {
            await browser.Page.GotoAsync(path);
            if (!new Uri(browser.Page.Url).AbsolutePath.StartsWith("/auth/sign-in", StringComparison.Ordinal))
                faults.Add($"{path}: nobody is not asked to sign in, but is at {browser.Page.Url}");
        }

        await browser.Page.SignInAsync("eve");
        var refused = PageRoutes.All(filled)
            .Where(route => PageRoutes.MethodsOf(route).Contains("GET"))
            .Where(route => IsOfOthers(route.Metadata.GetMetadata<RequiredRight>()))
            .Select(route => route.Metadata.GetMetadata<PageAddress>()?.Path).ToHashSet();
        foreach (var (route, path) in hidden)
        {
            faults.AddRange(await browser.FaultsOnPhoneAsync(path));
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
        foreach (var path in WalkedPages.All.Where(page => !PageRoutes.IsOfSignIn(page.Key))
            .Select(page => page.Value(filled)[0]))
        {
            var address = path + (path.Contains('?') ? "&" : "?") + "n=0&last=%00&since=x&platform=%00&to=%00&path=%00";
            var answer = await browser.Page.GotoAsync(address);
            if (answer!.Status == 200) continue;
            refused++;
            if (answer.Status is < 400 or > 499) faults.Add($"{address}: {answer.Status}");
            faults.AddRange(await browser.FaultsOnPhoneAsync(address, answer.Status));
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
        foreach (var path in PageRoutes.FormsOf(filled).Select(Filled))
        {
            await page.GotoAsync("/explore");
            await page.SetViewportSizeAsync(390, 900);
            var (status, _) = await SendAsync(page, path);
            if (status is >= 200 and < 400) continue;
            refused++;
            if (status >= 500) faults.Add($"{path}: {status}");
            faults.AddRange(await page.FaultsAsync($"{path}, refused with {status},", 390, refused % 3 == 0));
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
