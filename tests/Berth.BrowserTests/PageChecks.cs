using Berth.Tests.Lifecycle;
using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>What holds for each page, whatever is on it.</summary>
internal static class PageChecks
{
    /// <summary>A page with its styles, scripts and icons, as they come over the network.</summary>
    private const int MaxSentBytes = 60_000;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("BERTH_TEST_LONG") == "1";

    private const int PhoneWidth = 390;

    private const int WideWidth = 1440;

    /// <summary>What axe has against what is shown. In the page itself it is quicker than in one of its own.</summary>
    private const string Violations = """
        () => axe.run().then(found => found.violations.map(one =>
          `${one.id}: ${one.help} ${one.nodes.map(node => node.html + " " + node.failureSummary).join(" ")}`))
        """;

    private static readonly string Axe = new BundledAxeScriptProvider().GetScript();

    /// <summary>How much moves after it was painted.</summary>
    private const string Shifts = """
        () => new Promise(done => {
          let sum = 0;
          new PerformanceObserver(list => list.getEntries().forEach(one => sum += one.value))
            .observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() => setTimeout(() => done(sum), 20));
        })
        """;

    private const string Sent = """
        () => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
          .filter(one => !/\/-\/picture|\.woff/.test(one.name)).reduce((sum, one) => sum + one.encodedBodySize, 0)
        """;

    /// <summary>Signs in, by the form.</summary>
    public static async Task SignInAsync(
        this IPage page, string user = "ann", string password = ImagePusher.Password)
    {
        await page.GotoAsync("/auth/sign-in");
        await page.GetByLabel("Name").FillAsync(user);
        await page.GetByLabel("Password").FillAsync(password);
        await page.PressAsync("Sign in");
        await Assertions.Expect(page.Locator("details.menu summary").First).ToContainTextAsync(user);
    }

    /// <summary>Clicks on a button.</summary>
    public static Task PressAsync(this IPage page, string button) =>
        page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    /// <summary>
    /// Opens a page, and finds what is wrong with it: light on a wide screen, and dark on a phone. Each page is opened
    /// in one of the two, in turn, and then only measured in the other. A long run opens all in both.
    /// </summary>
    public static async Task<List<string>> FaultsOfAsync(this BrowserPage browser, string path, int? status = null)
    {
        var isWide = browser.Opened++ % 2 == 0;
        var faults = await FaultsOnAsync(browser, path, status, isWide, withAxe: true);
        if (IsLong) return [.. faults, .. await FaultsOnAsync(browser, path, status, !isWide, withAxe: true)];
        await browser.Page.SetViewportSizeAsync(WidthOf(!isWide), 900);
        faults.AddRange(await FaultsOfWidthAsync(browser.Page, path, WidthOf(!isWide)));
        return faults;
    }

    /// <summary>The same on a phone alone, for pages that others look like: axe looks at some.</summary>
    public static Task<List<string>> FaultsOnPhoneAsync(this BrowserPage browser, string path, int? status = null) =>
        FaultsOnAsync(browser, path, status, isWide: false, withAxe: IsLong || browser.Opened++ % 3 == 0);

    /// <summary>Where a picture of each page goes, for people to look at; null: nowhere.</summary>
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("BERTH_TEST_PICTURES");

    /// <summary>A tenth of what counts as good (Core Web Vitals): nobody sees less.</summary>
    private const double MaxShift = 0.01;

    /// <summary>What is wrong with the page that is shown, whose screen is so wide.</summary>
    public static async Task<List<string>> FaultsAsync(this IPage page, string shown, int width, bool withAxe = true)
    {
        var faults = new List<string>();
        var shift = await page.EvaluateAsync<double>(Shifts);
        if (shift > MaxShift) faults.Add($"{shown} moves by {shift}");
        if (await page.EvaluateAsync<int>(Sent) is > MaxSentBytes and var bytes) faults.Add($"{shown} has {bytes} B");
        if (withAxe)
        {
            await page.EvaluateAsync(Axe);
            faults.AddRange((await page.EvaluateAsync<string[]>(Violations)).Select(one => $"{shown}: {one}"));
        }

        faults.AddRange(await FaultsOfWidthAsync(page, shown, width));
        if (await page.EvaluateAsync<bool>("'hacked' in window")) faults.Add($"{shown} has run what it shows");
        return faults;
    }

    public static void AssertNone(IReadOnlyList<string> faults) =>
        Assert.True(faults.Count == 0, string.Join('\n', faults.Distinct()));

    private static async Task<List<string>> FaultsOnAsync(
        BrowserPage browser, string path, int? status, bool isWide, bool withAxe)
    {
        var page = browser.Page;
        await page.SetViewportSizeAsync(WidthOf(isWide), 900);
        await page.EmulateMediaAsync(new()
        {
            ColorScheme = isWide ? ColorScheme.Light : ColorScheme.Dark,
            ReducedMotion = ReducedMotion.Reduce,
        });
        var answer = await page.GotoAsync(path);
        var faults = await FaultsOfHeadersAsync(path, answer!);
        if (status is not null && answer!.Status != status) faults.Add($"{path}: {answer.Status}, not {status}");
        faults.AddRange(await page.FaultsAsync($"{path} at {WidthOf(isWide)} px", WidthOf(isWide), withAxe));
        if (Pictures is not null) await page.ScreenshotAsync(new() { Path = PictureOf(path), FullPage = true });
        return faults;
    }

    private static string PictureOf(string path) => Path.Combine(
        Pictures!, string.Concat(path.Take(100).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')) + ".png");

    private static int WidthOf(bool isWide) => isWide ? WideWidth : PhoneWidth;

    private static async Task<IEnumerable<string>> FaultsOfWidthAsync(IPage page, string shown, int width)
    {
        var overflow = await page.EvaluateAsync<int>(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth");
        return overflow > 0 ? [$"{shown} is {overflow} px wider than a screen of {width} px"] : [];
    }

    private static async Task<List<string>> FaultsOfHeadersAsync(string path, IResponse answer)
    {
        var headers = await answer.AllHeadersAsync();
        var faults = new List<string>();
        Expect("content-security-policy", "default-src 'none'");
        Expect("content-security-policy", "frame-ancestors 'none'");
        Expect("x-frame-options", "DENY");
        Expect("x-content-type-options", "nosniff");
        Expect("referrer-policy", "");
        Expect("cache-control", "no-store");
        if (headers.GetValueOrDefault("content-security-policy", "").Contains("unsafe", StringComparison.Ordinal))
            faults.Add($"{path}: the policy allows what is unsafe");
        return faults;

        void Expect(string name, string part)
        {
            if (!headers.TryGetValue(name, out var value) || !value.Contains(part, StringComparison.Ordinal))
                faults.Add($"{path}: the header {name} has not {part}: {value}");
        }
    }
}
