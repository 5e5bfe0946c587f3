using Berth.Metadata;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Lists without <c>n</c>: many simple clients take the first answer for all there is.</summary>
[Inside]
public sealed class WholeListTests
{
    private const int Count = 2500;

    private static readonly string[] Names = [.. Enumerable.Range(0, Count).Select(i => $"t{i:0000}")];

    [Theory]
    [InlineData("", 100_000, Count)]
    [InlineData("", Count, Count)]
    [InlineData("", Count - 1, Count - 1, 1)]
    [InlineData("", 1200, 1200, 1200, 100)]
    [InlineData("", 1000, 1000, 1000, 500)]
    [InlineData("", 1001, 1001, 1001, 498)]
    [InlineData("", 999, 999, 999, 502)]
    [InlineData("?n=", 100_000, Count)]
    [InlineData("?last=t0009", 100_000, Count - 10)]
    [InlineData("?n=2000", 100_000, 1000, 1000, 500)]
    public async Task All_tags_come_in_one_answer_up_to_a_limit_and_the_rest_by_links(
        string query, int bound, params int[] pages)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { ListEntries = bound } });
        await FillAsync(registry);
        var found = await Lists.WalkAsync(registry, "/v2/a/tags/list" + query, Lists.Tags);
        Assert.Equal(pages, found.Select(p => p.Count));
        Assert.Equal(Names.Skip(Count - pages.Sum()), found.SelectMany(p => p));
    }

    [Fact]
    public async Task A_long_list_is_streamed_and_the_connection_stays_usable()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await FillAsync(registry);
        using var connection = await RawConnection.OpenAsync(registry);
        foreach (var path in new[] { "/v2/a/tags/list", "/v2/" })
        {
            await connection.SendAsync($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        }

        var text = await connection.ReadUntilAsync("0\r\n\r\nHTTP/1.1 200 OK");
        Assert.Contains("Transfer-Encoding: chunked", text, StringComparison.Ordinal);
        Assert.Contains("{\"name\":\"a\",\"tags\":[\"t0000\",", text, StringComparison.Ordinal);
        Assert.Contains("\"t2499\"", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 100, 6)]
    [InlineData("", 4, 4, 2)]
    [InlineData("?n=2", 100, 2, 2, 2)]
    [InlineData("?n=50", 100, 3, 3)]
    public async Task The_catalog_comes_whole_too(string query, int bound, params int[] pages)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Catalog = new CatalogSettings { MaxEntries = 3, ListEntries = bound } });
        string[] names = ["a", "b", "c", "d", "e", "f"];
        var script = await Images.ScriptAsync(registry, names);
        foreach (var name in names) await PushAsync(script, name);
        var found = await Lists.WalkAsync(
            registry, "/v2/_catalog" + query, page => Lists.Texts(page.GetProperty("repositories")));
        Assert.Equal(pages, found.Select(p => p.Count));
        Assert.Equal(names, found.SelectMany(p => p));
    }

    private static Task PushAsync(Script script, string name) => script.PlayAsync(
        $$"""
        PUT /v2/{{name}}/manifests/t0000
          Content-Type: application/vnd.oci.image.manifest.v1+json
          > {image}
          201
        """);

    /// <summary>Tags by the thousand, without a request for each.</summary>
    private static async Task FillAsync(RegistryFixture registry)
    {
        await PushAsync(await Images.ScriptAsync(registry, "a"), "a");
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session =>
            {
                await session.RunEachAsync(
                    """
                    INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
                    SELECT repository_id, $1, digest, moved_at, moved_by FROM tag WHERE name = 't0000'
                    """,
                    [.. Names.Skip(1).Select(name => new object?[] { name })]);
                return 0;
            },
            isDurable: false);
    }
}
