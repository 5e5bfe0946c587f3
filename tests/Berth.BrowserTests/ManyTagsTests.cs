using Berth.Metadata;
using Berth.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Berth.BrowserTests;

/// <summary>A repository with more tags than anybody reads: 100,000 before a release, 6,000 otherwise.</summary>
public sealed class ManyTagsTests(Chromium chromium)
{
    private static readonly int Tags = TestRounds.Of(6_000, 100_000);

    [Fact]
    public async Task A_page_of_many_tags_is_as_small_as_one_of_a_hundred_and_is_sorted_filtered_and_paged()
    {
        await using var filled = await FilledRegistry.StartEmptyAsync();
        await filled.Ann.PushConfigAsync("team/many", "latest", """{"os":"linux","architecture":"amd64"}""");
        await AddTagsAsync(filled);
        await using var browser = await chromium.OpenAsync(filled.BaseAddress);
        var page = browser.Page;
        await page.SignInAsync();
        PageChecks.AssertNone(await browser.FaultsOfAsync("/r/team/many", 200));
        var rows = page.Locator("tr[data-row]");
        await Assertions.Expect(rows).ToHaveCountAsync(100);
        await Assertions.Expect(rows.First).ToContainTextAsync("latest");

        // By name, with the next page of them.
        await page.GotoAsync("/r/team/many?sort=name");
        await Assertions.Expect(rows.Nth(1)).ToContainTextAsync("v100001");
        await page.Locator("a[rel=next]").ClickAsync();
        await Assertions.Expect(rows.First).ToContainTextAsync("v100100");
        await page.GotoAsync("/r/team/many?sort=-name");
        await Assertions.Expect(rows.First).ToContainTextAsync($"v{100_000 + Tags}");

        // The filter finds one of them all, and then everything can be sorted by size.
        await page.GetByLabel("Part of a tag").FillAsync($"{100_000 + Tags - 5}");
        await page.PressAsync("Filter");
        await Assertions.Expect(rows).ToHaveCountAsync(1);
        await Assertions.Expect(rows.First).ToContainTextAsync($"v{100_000 + Tags - 5}");
        PageChecks.AssertNone(await browser.FaultsOfAsync("/r/team/many?matching=v1000&sort=-size", 200));
        await Assertions.Expect(rows).ToHaveCountAsync(99);

        // All of them can't be: the page says so, and lists them as usual.
        PageChecks.AssertNone(await browser.FaultsOfAsync("/r/team/many?sort=size", 200));
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("can only be sorted by name");
        await Assertions.Expect(rows).ToHaveCountAsync(100);
        browser.AssertSound();
    }

    /// <summary>As so many pushes would, in one statement.</summary>
    private static async Task AddTagsAsync(FilledRegistry filled)
    {
        var database = filled.Registry.Services.GetRequiredService<Database>();
        await database.WriteAsync(async session => await session.RunAsync(
            $"""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Tags})
            INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
            SELECT repository_id, 'v' || (100000 + i), digest, 1740000000000 + i, 'ann'
            FROM n, tag WHERE name = 'latest'
            """), isDurable: false, TestContext.Current.CancellationToken);
    }
}
