using Berth.Tests;
using Berth.Tests.Access;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>
/// The pictures of the pages in README.md and docs. <c>docs/screenshots.sh</c> writes them anew
/// (<c>BERTH_TEST_WRITE=1</c>); otherwise this only checks that each page can be shown and each picture is there.
/// </summary>
public sealed class ScreenshotTests(Chromium chromium)
{
    private const int MaxBytes = 150_000;

    private static readonly (string Name, string Path, ColorScheme Colours)[] Pictures =
    [
        ("home", "/", ColorScheme.Light),
        ("explore", "/explore?sort=pulls", ColorScheme.Light),
        ("repository", "/r/acme/shop", ColorScheme.Light),
        ("repository-dark", "/r/acme/shop", ColorScheme.Dark),
        ("image", "/r/acme/shop:2.4.1", ColorScheme.Light),
        ("files", "/r/acme/shop:2.4.1/-/files", ColorScheme.Light),
        ("search", "/search?q=sh", ColorScheme.Light),
    ];

    [Fact]
    public async Task Each_picture_of_the_docs_is_of_a_page_that_can_be_shown()
    {
        await using var registry = await AccountsOf.StartAsync();
        await ShownRegistry.FillAsync(registry);
        await using var browser = await chromium.OpenAsync(registry.BaseAddress);
        var page = browser.Page;
        await page.SetViewportSizeAsync(1280, 840);
        await page.SignInAsync("admin", AccountsOf.AdminPassword);
        var folder = Directory.CreateDirectory(Path.Combine(SourceTree.Root, "docs", "images")).FullName;
        foreach (var (name, path, colours) in Pictures)
        {
            await page.EmulateMediaAsync(new() { ColorScheme = colours, ReducedMotion = ReducedMotion.Reduce });
            Assert.Equal(200, (await page.GotoAsync(path))!.Status);
            await NameHostAsync(page, registry.BaseAddress.Authority);
            var picture = await page.ScreenshotAsync();
            Assert.InRange(picture.Length, 10_000, MaxBytes);
            var file = Path.Combine(folder, name + ".png");
            if (Environment.GetEnvironmentVariable("BERTH_TEST_WRITE") == "1")
                await File.WriteAllBytesAsync(file, picture, TestContext.Current.CancellationToken);
            Assert.InRange(new FileInfo(file).Length, 10_000, MaxBytes);
        }

        browser.AssertSound();
    }

    /// <summary>A name in place of this test's port, which differs each time.</summary>
    private static async Task NameHostAsync(IPage page, string host) => await page.EvaluateAsync(
        """
        host => {
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode())
            texts.currentNode.data = texts.currentNode.data.replaceAll(host, "registry.example");
        }
        """,
        host);
}
