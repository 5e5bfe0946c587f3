using System.Text.RegularExpressions;
using Berth.Oci;

namespace Berth.Tests.Oci;

/// <summary>Patterns for repository names.</summary>
public sealed class NamePatternTests
{
    [Theory]
    [InlineData("acme/**", "acme/a acme/a/b acme", "acme2/a acm xacme/a acme2")]
    [InlineData("acme/*", "acme/a acme/a-b", "acme acme/a/b")]
    [InlineData("acme/web-*", "acme/web-1 acme/web-a.b", "acme/web acme/web-1/x acme/xweb-1")]
    [InlineData("**", "a a/b a/b/c", "")]
    [InlineData("*", "a a.b", "a/b")]
    [InlineData("**/cache", "a/cache a/b/cache", "cache a/cache2 a/cache/b")]
    [InlineData("a/**/z", "a/b/z a/b/c/z", "a/z a/b/z/y")]
    [InlineData("*/*-dev", "a/b-dev a/b-c-dev", "a/b a/b-dev/c a/b-devel")]
    [InlineData("acme/app", "acme/app", "acme/app2 acme acme/app/x")]
    public void A_pattern_matches_whole_names(string pattern, string names, string others)
    {
        Assert.True(NamePattern.TryParse(pattern, out var parsed));
        Assert.All(Words(names), name => Assert.True(parsed.Matches(name), name));
        Assert.All(Words(others), name => Assert.False(parsed.Matches(name), name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData("A/*")]
    [InlineData("a/***")]
    [InlineData("a b")]
    [InlineData("a?")]
    [InlineData("../a")]
    public void A_pattern_that_no_name_could_match_is_refused(string pattern) =>
        Assert.False(NamePattern.TryParse(pattern, out _));

    [Theory]
    [InlineData("**", "a/**", true)]
    [InlineData("a/**", "a/b-*", true)]
    [InlineData("a/**", "a/b", true)]
    [InlineData("a/**", "a", true)]
    [InlineData("a/**", "ab/*", false)]
    [InlineData("a/**", "**", false)]
    [InlineData("a/*", "a/b", true)]
    [InlineData("a/*", "a/b/c", false)]
    [InlineData("a/b", "a/*", false)]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/*/**", "a/b/**", false)]
    public void A_pattern_covers_a_narrower_one(string wide, string narrow, bool covers)
    {
        Assert.True(NamePattern.TryParse(wide, out var outer));
        Assert.True(NamePattern.TryParse(narrow, out var inner));
        Assert.Equal(covers, outer.Covers(inner));
    }

    [Fact]
    public void It_agrees_with_regular_expressions_on_random_names()
    {
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var pattern = Random(random, "ab/**", 8);
            var name = Random(random, "aab/", 10);
            if (!NamePattern.TryParse(pattern, out var parsed)) continue;
            var expression = Regex.Escape(pattern).Replace(@"\*\*", ".*").Replace(@"\*", "[^/]*");
            if (pattern.EndsWith("/**", StringComparison.Ordinal)) expression = expression[..^3] + "(/.*)?";
            Assert.True(Regex.IsMatch(name, $"^{expression}$") == parsed.Matches(name), $"{pattern} on {name}");
        }
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Random(Random random, string letters, int most) => new(
        [.. Enumerable.Range(0, random.Next(1, most)).Select(_ => letters[random.Next(letters.Length)])]);
}
