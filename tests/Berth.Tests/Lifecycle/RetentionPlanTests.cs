using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;

namespace Berth.Tests.Lifecycle;

/// <summary>Which tags rules keep, and what is wrong with rules that say nothing that can be done.</summary>
public sealed class RetentionPlanTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 31, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Tags_that_no_rule_is_about_stay() =>
        Assert.Equal("", Goes([Rule(new() { Tags = ["pr-*"], KeepLastPushed = 1 })], Tag("v1", 100), Tag("v2", 99)));

    [Fact]
    public void The_last_images_stay_and_two_tags_of_one_image_are_one() => Assert.Equal(
        "a,b",
        Goes(
            [Rule(new() { KeepLastPushed = 2 })],
            Tag("a", 50), Tag("b", 40), Tag("c", 30), Tag("d", 20, digest: "x"), Tag("e", 10, digest: "x")));

    [Fact]
    public void The_last_pulled_stay_and_what_was_not_pulled_since_its_push_long_ago_goes() => Assert.Equal(
        "b,c",
        Goes(
            [Rule(new() { KeepLastPulled = 1 })],
            Tag("a", 50, pulled: 1), Tag("b", 40, pulled: 2), Tag("c", 3)));

    [Fact]
    public void A_fresh_push_counts_as_a_pull() => Assert.Equal(
        "a,b",
        Goes(
            [Rule(new() { KeepLastPulled = 1 })],
            Tag("a", 50, pulled: 1), Tag("b", 40, pulled: 2), Tag("new", 0)));

    [Fact]
    public void What_was_pushed_tagged_or_pulled_lately_stays() => Assert.Equal(
        "old",
        Goes(
            [Rule(new() { KeepForSeconds = 30 * 86400 })],
            Tag("old", 31), Tag("new", 29), Tag("used", 300, pulled: 29), Tag("read", 300, pulled: 1)));

    [Fact]
    public void Versions_in_a_range_stay_with_or_without_a_v() => Assert.Equal(
        "1.1.9,2.0.0,latest,v0.9",
        Goes(
            [Rule(new() { KeepVersions = ">=1.2.0 <2.0.0" })],
            Tag("1.2.0", 9), Tag("v1.9.3", 9), Tag("1.1.9", 9), Tag("2.0.0", 9), Tag("latest", 9), Tag("v0.9", 9),
            Tag("1.5.0-rc.1", 9)));

    [Fact]
    public void Numbers_count_for_each_group() => Assert.Equal(
        "dev-a-1,dev-b-1",
        Goes(
            [Rule(new() { Tags = ["dev-*"], KeepLastPushed = 1, GroupBy = "/^dev-([a-z]+)-/" })],
            Tag("dev-a-1", 9), Tag("dev-a-2", 8), Tag("dev-b-1", 7), Tag("dev-b-2", 6)));

    [Fact]
    public void A_tag_stays_if_one_of_its_rules_keeps_it() => Assert.Equal(
        "nightly",
        Goes(
            [
                Rule(new() { KeepForSeconds = 86400 }), Rule(new() { Tags = ["v*"], KeepsAlways = true }),
                Rule(new() { Tags = ["/^release-\\d+$/"], IsImmutable = true }),
            ],
            Tag("nightly", 9), Tag("v1", 9), Tag("release-7", 9)));

    [Fact]
    public void Pinned_tags_exceptions_and_attachments_stay()
    {
        var signature = Digest.Of(DigestAlgorithm.Sha256, [1]).Text.Replace(':', '-') + ".sig";
        Assert.Equal(
            "c",
            Goes(
                [Rule(new() { Except = ["b"], KeepForSeconds = 1 })],
                Tag("a", 9) with { IsPinned = true }, Tag("b", 9), Tag("c", 9), Tag(signature, 9)));
    }

    [Fact]
    public void Attachments_of_what_is_nowhere_go_after_their_time_unless_a_rule_about_them_keeps_them()
    {
        string[] names = [.. new byte[] { 1, 2, 3 }.Select(
            content => Digest.Of(DigestAlgorithm.Sha256, [content]).Text.Replace(':', '-') + ".sig")];
        var (old, pulled, here) = (names[0], names[1], names[2]);
        RetainedTag[] tags = [Tag(old, 9), Tag(pulled, 9, pulled: 1), Tag(here, 9), Tag("v1", 9)];
        var rule = Rule(new() { OrphanedSeconds = 2 * 86400 });
        Assert.Equal([old], Going(rule));
        Assert.Empty(Going(Rule(new() { OrphanedSeconds = 10 * 86400 })));
        Assert.Empty(Going(Rule(new() { Tags = ["*.att"], OrphanedSeconds = 86400 })));
        Assert.Empty(Going(Rule(new() { Except = ["*.sig"], OrphanedSeconds = 86400 })));

        // The rule that keeps it longer wins, and so does one that keeps it always; others are not about it.
        Assert.Equal([old], Going(rule, Rule(new() { Tags = ["v*"], KeepLastPushed = 9 })));
        Assert.Empty(Going(rule, Rule(new() { OrphanedSeconds = 10 * 86400 })));
        Assert.Empty(Going(rule, Rule(new() { Tags = ["*.sig"], KeepsAlways = true })));
        Assert.Equal([old], Going(rule, Rule(new() { Tags = ["v*"], KeepsAlways = true })));
        Assert.Equal([old], Going(Rule(new() { KeepsAlways = true, OrphanedSeconds = 2 * 86400 })));

        List<string> Going(params TagRule[] rules) =>
            [.. RetentionPlan.Of(rules, tags, Now, new HashSet<string> { old, pulled })
                .Where(one => one.Goes).Select(one => one.Tag.Name)];
    }

    [Fact]
    public void Each_decision_says_why()
    {
        var reasons = RetentionPlan.Of(
            [Rule(new() { KeepLastPushed = 1 })], [Tag("a", 9), Tag("b", 8)], Now).ConvertAll(one => one.Reason);
        Assert.Equal(
            ["rule 7 (acme/**) does not keep it; last used 2030-01-22", "rule 7 (acme/**) keeps the last 1 pushed"],
            reasons);
    }

    [Theory]
    [InlineData("says nothing about what stays")]
    [InlineData("is from 1 to", "KeepLastPushed")]
    [InlineData("above 0", "KeepFor")]
    [InlineData("above 0", "Orphaned")]
    [InlineData("make two of it", "Immutable")]
    [InlineData("make two of it", "ImmutableOrphaned")]
    [InlineData("is no range of versions", "Versions")]
    [InlineData("matches no tag", "Slash")]
    [InlineData("is not a regular expression", "Regex")]
    [InlineData("is not a regular expression", "LookAhead")]
    [InlineData("100 times or more", "Repeat")]
    public void A_rule_that_can_not_be_meant_says_what_is_wrong(string fault, string what = "")
    {
        var spec = what switch
        {
            "KeepLastPushed" => new TagRuleSpec { KeepLastPushed = 0 },
            "KeepFor" => new TagRuleSpec { KeepForSeconds = -1 },
            "Orphaned" => new TagRuleSpec { OrphanedSeconds = 0 },
            "Immutable" => new TagRuleSpec { IsImmutable = true, KeepsAlways = true },
            "ImmutableOrphaned" => new TagRuleSpec { IsImmutable = true, OrphanedSeconds = 9 },
            "Versions" => new TagRuleSpec { KeepVersions = "new ones" },
            "Slash" => new TagRuleSpec { Tags = ["feature/*"], KeepsAlways = true },
            "Regex" => new TagRuleSpec { Tags = ["/(/"], KeepsAlways = true },
            "LookAhead" => new TagRuleSpec { Tags = ["/(?=a)b/"], KeepsAlways = true },
            "Repeat" => new TagRuleSpec { Tags = ["/(a{1000}){1000}/"], KeepsAlways = true },
            _ => new TagRuleSpec(),
        };
        Assert.Null(TagRule.TryRead(new TagRuleRow(1, "acme/**", "acme", spec), out var said));
        Assert.Contains(fault, said);
    }

    [Fact]
    public void A_regular_expression_that_would_never_end_takes_no_time()
    {
        var rule = Rule(new() { Tags = ["/^(a+)+$/"], KeepForSeconds = 1 });
        Assert.False(rule.IsFor(new string('a', 127) + "b"));
        Assert.True(rule.IsFor(new string('a', 128)));
    }

    private static TagRule Rule(TagRuleSpec spec) =>
        TagRule.TryRead(new TagRuleRow(7, "acme/**", "acme", spec), out var fault)
        ?? throw new InvalidOperationException(fault);

    private static RetainedTag Tag(string name, double daysAgo, double? pulled = null, string? digest = null) => new(
        name, digest ?? name, Now - TimeSpan.FromDays(daysAgo),
        pulled is { } days ? Now - TimeSpan.FromDays(days) : null, IsPinned: false);

    private static string Goes(TagRule[] rules, params RetainedTag[] tags) => string.Join(
        ',',
        RetentionPlan.Of(rules, tags, Now).Where(one => one.Goes).Select(one => one.Tag.Name)
            .Order(StringComparer.Ordinal));
}
