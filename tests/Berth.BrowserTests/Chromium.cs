using Berth.BrowserTests;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Chromium))]

namespace Berth.BrowserTests;

/// <summary>Debian's Chromium, without a window. One for all tests; each has cookies of its own.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private const string Program = "/usr/bin/chromium";

    /// <summary>
    /// Without these it asks its makers for this and that, which is not what is tested. It finds this machine alone.
    /// </summary>
    private static readonly string[] Quiet =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ];

    private IPlaywright? playwright;
    private IBrowser? browser;

    public async ValueTask InitializeAsync()
    {
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args = Quiet,
        });
    }

    /// <summary>A page of a browser that nobody has used. Fails the test if the page tries to go elsewhere.</summary>
    /// <param name="root">The registry.</param>
    /// <param name="others">Where else it may go.</param>
    public async Task<BrowserPage> OpenAsync(Uri root, params IReadOnlyList<string> others)
    {
        var context = await browser!.NewContextAsync(new BrowserNewContextOptions { BaseURL = root.ToString() });
        context.SetDefaultTimeout(15_000);
        return await BrowserPage.OpenAsync(context, root, others);
    }

    /// <summary>The same with scripts switched off.</summary>
    public async Task<BrowserPage> OpenWithoutScriptsAsync(Uri root)
    {
        var context = await browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = root.ToString(),
            JavaScriptEnabled = false,
        });
        context.SetDefaultTimeout(15_000);
        return await BrowserPage.OpenAsync(context, root, []);
    }

    public async ValueTask DisposeAsync()
    {
        if (browser is not null) await browser.DisposeAsync();
        playwright?.Dispose();
    }
}
