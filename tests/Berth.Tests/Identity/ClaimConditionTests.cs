using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Identity;

namespace Berth.Tests.Identity;

/// <summary>Conditions on a token's claims.</summary>
public sealed class ClaimConditionTests
{
    private const string Claims =
        """
        {
          "repository": "acme/app", "ref": "refs/heads/main", "run_attempt": 1, "protected": true, "big": 1.50,
          "groups": ["dev", "ops", 7], "nothing": null, "none": [], "star": "a*b", "claim": "x", "in": "y",
          "kubernetes.io": {"namespace": "build", "pod": {"name": "p-1"}}, "odd": [{"a": "b"}], "quote": "a\"b\\c"
        }
        """;

    [Theory]
    [InlineData("""repository == "acme/app" """)]
    [InlineData("""repository == "acme/*" """)]
    [InlineData("""repository == "**" """)]
    [InlineData("""repository == '*/app'""")]
    [InlineData("""repository == "acme/*" and ref == "refs/heads/main" """)]
    [InlineData("""repository == "acme/*" && ref == "refs/heads/main" """)]
    [InlineData("""repository == "x" or ref == "refs/heads/*" """)]
    [InlineData("""repository == "x" || ref == "refs/**" """)]
    [InlineData("""repository != "other/*" """)]
    [InlineData("""not repository == "other/*" """)]
    [InlineData("""!(repository == "other/*" or ref == "x")""")]
    [InlineData("""repository in ["x", "acme/*"]""")]
    [InlineData("""repository not in ["x", "y"]""")]
    [InlineData("""run_attempt == "1" and protected == "true" and big == "1.50" """)]
    [InlineData("""groups == "ops" """)]
    [InlineData("""groups == "7" """)]
    [InlineData("""groups != "admin" """)]
    [InlineData("""claim["kubernetes.io"].namespace == "build" """)]
    [InlineData("""`kubernetes.io`.pod.name == "p-*" """)]
    [InlineData("""claim["kubernetes.io"]["pod"]["name"] == "p-1" """)]
    [InlineData("""star == "a\*b" """)]
    [InlineData("""quote == "a\"b\\c" """)]
    [InlineData("""claim == "x" and `in` == "y" """)]
    [InlineData("""repository == "acme/app" or missing == "x" """)]
    [InlineData("not not\n(\tref == \"refs/heads/main\" )")]
    [InlineData("""repository == "a" and ref == "b" or protected == "true" """)]
    public void These_hold(string condition) => Assert.True(Parse(condition).Holds(Read(Claims)), condition);

    [Theory]
    [InlineData("""repository == "*" """)]
    [InlineData("""repository == "Acme/app" """)]
    [InlineData("""repository == "acme/app " """)]
    [InlineData("""repository == "" """)]
    [InlineData("""ref == "refs/*" """)]
    [InlineData("""repository == "acme/*" and ref == "x" """)]
    [InlineData("""groups != "dev" """)]
    [InlineData("""big == "1.5" """)]
    [InlineData("""star == "a\*\*" """)]
    [InlineData("""protected == "true" and not (repository == "x" or ref == "refs/**")""")]
    public void These_do_not_hold(string condition) => Assert.False(Parse(condition).Holds(Read(Claims)), condition);

    [Theory]
    [InlineData("missing")]
    [InlineData("nothing")]
    [InlineData("none")]
    [InlineData("odd")]
    [InlineData("`kubernetes.io`")]
    [InlineData("`kubernetes.io`.missing")]
    [InlineData("repository.name")]
    [InlineData("groups.dev")]
    public void Nothing_holds_of_a_claim_without_a_value(string claim)
    {
        foreach (var condition in new[]
        {
            $"{claim} == \"x\"", $"{claim} != \"x\"", $"not ({claim} == \"x\")", $"not ({claim} != \"x\")",
            $"{claim} in [\"x\"]", $"{claim} not in [\"x\"]", $"not ({claim} == \"x\" and ref == \"refs/heads/main\")",
            $"not ({claim} == \"x\" or ref == \"y\")", $"{claim} == \"**\"",
        })
        {
            Assert.False(Parse(condition).Holds(Read(Claims)), condition);
        }
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("   ", 4)]
    [InlineData("repository", 11)]
    [InlineData("repository = \"x\"", 12)]
    [InlineData("repository == x", 15)]
    [InlineData("repository == \"x", 15)]
    [InlineData("repository == \"x\" ref == \"y\"", 19)]
    [InlineData("repository == \"x\" and", 22)]
    [InlineData("(repository == \"x\"", 19)]
    [InlineData("repository == \"x\")", 18)]
    [InlineData("repository in \"x\"", 15)]
    [InlineData("repository in []", 16)]
    [InlineData("repository in [\"x\" \"y\"]", 20)]
    [InlineData("repository not \"x\"", 16)]
    [InlineData("and == \"x\"", 1)]
    [InlineData("kubernetes.io/x == \"y\"", 14)]
    [InlineData("claim[x] == \"y\"", 7)]
    [InlineData("claim[\"\"] == \"y\"", 9)]
    [InlineData("`x == \"y\"", 1)]
    [InlineData("a == \"\\n\"", 7)]
    [InlineData("1a == \"x\"", 1)]
    [InlineData("a.b.c.d.e.f.g.h.i == \"x\"", 18)]
    public void What_can_not_be_read_is_reported_with_its_column(string condition, int column)
    {
        Assert.False(ClaimCondition.TryParse(condition, out _, out var fault));
        Assert.StartsWith($"at column {column}:", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_condition_has_a_greatest_length_and_depth()
    {
        Assert.False(ClaimCondition.TryParse(
            string.Join(" or ", Enumerable.Repeat("a == \"b\"", 1000)), out _, out var fault));
        Assert.Contains("longer", fault, StringComparison.Ordinal);
        Assert.True(ClaimCondition.TryParse(string.Join(" or ", Enumerable.Repeat("a == \"b\"", 300)), out _, out _));
        foreach (var level in new[] { "(", "!", "not " })
        {
            var deep = string.Concat(Enumerable.Repeat(level, 4000 / level.Length));
            Assert.False(ClaimCondition.TryParse(deep + "a == \"b\"", out _, out fault));
            Assert.Contains("levels deep", fault, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""repository == "x" and ref == "refs/heads/*" """, "repository == \"x\": it is \"acme/app\"")]
    [InlineData("""ref != "refs/heads/main" """, "not ref == \"refs/heads/main\": it is \"refs/heads/main\"")]
    [InlineData("""missing in ["a", "b"]""", "missing in [\"a\", \"b\"]: there is no such claim")]
    [InlineData("""groups == "x" """, "groups == \"x\": it is [\"dev\", \"ops\", \"7\"]")]
    [InlineData("""claim["kubernetes.io"].namespace == "x" """,
        "claim[\"kubernetes.io\"].namespace == \"x\": it is \"build\"")]
    [InlineData("""not (groups == "dev" and missing == "x")""",
        "not groups == \"dev\": it is [\"dev\", \"ops\", \"7\"]|not missing == \"x\": there is no such claim")]
    [InlineData("""none == "x" """, "none == \"x\": it is [], which has no text to compare")]
    public void Why_a_condition_does_not_hold_is_told_with_the_values(string condition, string reasons) =>
        Assert.Equal(reasons.Split('|'), Parse(condition).WhyNot(Read(Claims)));

    [Fact]
    public void Patterns_agree_with_regular_expressions_on_random_texts()
    {
        var random = new Random(11);
        for (var i = 0; i < 50_000; i++)
        {
            var pattern = Text(random, "ab/***", 11);
            var text = Text(random, "aab/", 14);
            var expression = Regex.Escape(pattern).Replace(@"\*\*", ".*").Replace(@"\*", "[^/]*");
            var matches = ClaimPattern.Parse(pattern).Matches(text);
            Assert.True(Regex.IsMatch(text, $"^{expression}$") == matches, $"{pattern} on {text}");
        }
    }

    /// <summary>If each wildcard began again at every place, this would take hours.</summary>
    [Theory]
    [InlineData('a')]
    [InlineData('/')]
    public void A_pattern_that_fits_a_long_text_almost_everywhere_is_compared_quickly(char other)
    {
        var text = string.Concat(Enumerable.Repeat(new string('a', 2500) + other, 4));
        var almost = new string('a', 1200) + "b";
        foreach (var pattern in new[] { $"**a*{almost}", $"**{almost}", $"**a*a*a*{almost}", $"**a*a/**a*{almost}" })
            Assert.False(ClaimPattern.Parse(pattern).Matches(text));
        Assert.True(ClaimPattern.Parse($"**a*{almost[..^1]}**").Matches(text));
    }

    [Fact]
    public void Random_conditions_agree_with_a_table_of_three_truths()
    {
        var random = new Random(12);
        var claims = Read("""{"t": "x", "f": "y"}""");
        for (var i = 0; i < 20_000; i++)
        {
            var (text, truth) = Condition(random, 4);
            Assert.True(Parse(text).Holds(claims) == (truth == 2), text);
            Assert.Equal(truth != 2, Parse(text).WhyNot(claims).Count > 0);
        }
    }

    [Fact]
    public void Random_texts_are_conditions_or_faults_and_never_a_crash()
    {
        var random = new Random(13);
        string[] pieces =
        [
            "repository", " ", "==", "!=", "\"a*\"", "'", "\"", "(", ")", "and", "or", "not", "in", "[", "]", ",", "`",
            "claim", ".", "\\", "!", "&&", "||", "\u0000", "ä", "\ud800", "*", "{", "}", "-", "1",
        ];
        for (var i = 0; i < 50_000; i++)
        {
            var count = random.Next(20);
            var text = string.Concat(Enumerable.Range(0, count).Select(_ => pieces[random.Next(pieces.Length)]));
            if (ClaimCondition.TryParse(text, out var condition, out var fault)) condition.Holds(Read(Claims));
            else Assert.NotEmpty(fault);
            if (ClaimTemplate.TryParse(text, out var template, out _)) template.Fill(Read(Claims));
        }
    }

    [Theory]
    [InlineData("{repository}", "acme/app")]
    [InlineData("ci of {repository} ({run_attempt})", "ci of acme/app (1)")]
    [InlineData("{claim[\"kubernetes.io\"].namespace} {ref}", "build refs/heads/main")]
    [InlineData("plain", "plain")]
    [InlineData("{missing}", null)]
    public void A_name_is_made_of_claims(string template, string? name)
    {
        Assert.True(ClaimTemplate.TryParse(template, out var parsed, out var fault), fault);
        Assert.Equal(name, parsed.Fill(Read(Claims)));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("}")]
    [InlineData("{}")]
    [InlineData("{a")]
    [InlineData("{a b}")]
    public void A_name_with_wrong_braces_is_refused(string template) =>
        Assert.False(ClaimTemplate.TryParse(template, out _, out _));

    internal static JsonElement Read(string json) => JsonElement.Parse(json);

    private static ClaimCondition Parse(string text)
    {
        Assert.True(ClaimCondition.TryParse(text, out var condition, out var fault), fault);
        return condition;
    }

    private static string Text(Random random, string letters, int most)
    {
        string text;
        do text = new([.. Enumerable.Range(0, random.Next(most)).Select(_ => letters[random.Next(letters.Length)])]);
        while (text.Contains("***", StringComparison.Ordinal));
        return text;
    }

    /// <summary>A condition and its truth: 0 no, 1 neither, 2 yes. So "and" is the least, "or" the greatest.</summary>
    private static (string Text, int Truth) Condition(Random random, int depth)
    {
        if (depth == 0 || random.Next(4) == 0)
        {
            return random.Next(6) switch
            {
                0 => ("t == \"x\"", 2),
                1 => ("f == \"x\"", 0),
                2 => ("u == \"x\"", 1),
                3 => ("f != \"x\"", 2),
                4 => ("u != \"x\"", 1),
                _ => ("t not in [\"x\", \"z\"]", 0),
            };
        }

        var left = Condition(random, depth - 1);
        if (random.Next(3) == 0) return ($"not ({left.Text})", 2 - left.Truth);
        var right = Condition(random, depth - 1);
        return random.Next(2) == 0
            ? ($"({left.Text}) and ({right.Text})", Math.Min(left.Truth, right.Truth))
            : ($"({left.Text}) || ({right.Text})", Math.Max(left.Truth, right.Truth));
    }
}
