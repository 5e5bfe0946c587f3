using System.Text.RegularExpressions;
using Berth.Distribution;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>docs/api.md says what the program does.</summary>
[Inside]
[Once]
public sealed partial class ApiPageTests
{
    private static readonly SourceFile Page = SourceTree.Files.Single(f => f.Path == "docs/api.md");

    [Fact]
    public async Task The_page_lists_each_route_with_its_path_and_right()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var routes = registry.Services.GetRequiredService<DistributionApi>().Table
            .Select(r => $"{r.Method} {r.Kind} {r.Action}");
        var rows = Page.Lines.Select(line => RouteRow().Match(line)).Where(m => m.Success)
            .Select(m => $"{m.Groups[1]} {KindOf(m.Groups[2].Value)} {m.Groups[3].Value.Replace("-", "")}");
        Assert.Equal(Sorted(routes), Sorted(rows));
    }

    [Fact]
    public void The_page_lists_each_error_with_its_status()
    {
        var source = SourceTree.Files.Single(f => f.Path == "src/Berth/Distribution/RegistryError.cs");
        var errors = ErrorFactory().Matches(string.Join('\n', source.Lines))
            .Select(m => $"{m.Groups[1]} {m.Groups[2]}").Distinct();
        var rows = Page.Lines.Select(line => ErrorRow().Match(line)).Where(m => m.Success)
            .Select(m => $"{m.Groups[1]} {m.Groups[2]}");
        Assert.Equal(Sorted(errors), Sorted(rows));
    }

    private static V2Kind KindOf(string path) => V2Path.Parse(path
        .Replace("<name>", "a/b").Replace("<reference>", "latest").Replace("<digest>", "sha256:0").Replace("<id>", "1"))
        .Kind;

    private static string Sorted(IEnumerable<string> lines) =>
        string.Join('\n', lines.Select(l => l.ToUpperInvariant()).Order(StringComparer.Ordinal));

    [GeneratedRegex(@"^\| ([A-Z]+) \| `(/v2/[^`]*)` \| ([a-z-]+) \|")]
    private static partial Regex RouteRow();

    [GeneratedRegex(@"^\| (\d{3}) \| `([A-Z_]+)` \|")]
    private static partial Regex ErrorRow();

    [GeneratedRegex(@"new\((\d{3}),\s*""([A-Z_]+)""")]
    private static partial Regex ErrorFactory();
}
