using System.Text.Json;
using Berth.Metadata;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>Lists of tags with something in their names, where there are very many.</summary>
[Inside]
public sealed class TagScanTests
{
    private const int Many = TagQuery.MostScanned + 500;

    [Fact]
    public async Task Each_page_looks_at_so_many_names_and_the_next_goes_on_there()
    {
        await using var registry = await AccountsOf.StartAsync();
        var admin = new ImagePusher(registry, "admin");
        await admin.PushAsync("a/app", "aa-needle");
        await admin.PushAsync("a/app", "zz-needle");
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync(
                """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
                INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
                SELECT t.repository_id, 'build-' || n.i, t.digest, t.moved_at, t.moved_by FROM tag t CROSS JOIN n
                WHERE t.name = 'aa-needle'
                """,
                Many),
            isDurable: false, TestContext.Current.CancellationToken);
        foreach (var (query, first, all) in new[]
        {
            ("&matching=needle", "aa-needle", "aa-needle zz-needle"),
            ("&matching=needle&sort=-name", "zz-needle", "zz-needle aa-needle"),
            ("&matching=zz-", "", "zz-needle"), ("&matching=none", "", ""),
        })
        {
            var pages = new List<string>();
            for (var path = "/api/v1/tags?repository=a/app" + query; path.Length > 0;)
            {
                var (text, headers) = await admin.SendAsync("GET", path, null, null, 200);
                pages.Add(string.Join(' ', JsonDocument.Parse(text).RootElement.GetProperty("items").EnumerateArray()
                    .Select(tag => tag.Of("name"))));
                path = headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : "";
            }

            Assert.Equal((query, 2, first), (query, pages.Count, pages[0]));
            Assert.Equal((query, all), (query, string.Join(' ', pages.Where(page => page.Length > 0))));
        }

        var whole = await admin.ApiAsync("GET", "/tags?repository=a/app&matching=build-1", null, 200);
        Assert.Equal("build-1", whole.GetProperty("items")[0].Of("name"));
        var refused = await admin.ApiAsync("GET", "/tags?repository=a/app&matching=needle&sort=size", null, 409);
        Assert.StartsWith("of more than 20,000 tags", refused.Of("detail"), StringComparison.Ordinal);
        var page = await admin.TextAsync("/r/a/app?matching=zz-&sort=name");
        Assert.Contains("the next ones", page, StringComparison.Ordinal);
        Assert.Contains(">1,000 or more<", await admin.TextAsync("/r/a/app"), StringComparison.Ordinal);
    }
}
