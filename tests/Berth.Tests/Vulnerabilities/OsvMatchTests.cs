using System.Text;
using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>What a record of the OSV format says of a version, as its schema's "Evaluation" has it.</summary>
public sealed class OsvMatchTests
{
    [Theory]
    [InlineData("1.0.0", false)]
    [InlineData("1.2.0-rc.1", false)]
    [InlineData("1.2.0", true)]
    [InlineData("1.2.9", true)]
    [InlineData("1.3.0-rc.1", true)]
    [InlineData("1.3.0", false)]
    [InlineData("1.9.0", false)]
    [InlineData("2.0.0", true)]
    [InlineData("99.0.0", true)]
    public void Events_count_in_the_order_of_their_versions(string version, bool isVulnerable) => Matches(
        Ranges("""{"introduced":"2.0.0"},{"fixed":"1.3.0"},{"introduced":"1.2.0"}"""), version, isVulnerable);

    [Theory]
    [InlineData("0.0.0-0", true)]
    [InlineData("1.9.9", true)]
    [InlineData("2.0.0", true)]
    [InlineData("2.0.1", false)]
    public void The_last_affected_version_is_still_affected(string version, bool isVulnerable) => Matches(
        Ranges("""{"last_affected":"2.0.0"},{"introduced":"0"}"""), version, isVulnerable);

    [Theory]
    [InlineData("1.0.0", true)]
    [InlineData("2.0.0", false)]
    [InlineData("3.0.0", false)]
    public void Nothing_is_said_from_a_limit_on(string version, bool isVulnerable) => Matches(
        Ranges("""{"introduced":"0"},{"limit":"2.0.0"}"""), version, isVulnerable);

    [Fact]
    public void A_version_that_is_listed_is_vulnerable_whatever_the_ranges_say()
    {
        var json = Affected("""
            "ranges":[{"type":"SEMVER","events":[{"introduced":"5.0.0"}]}],"versions":["1.0.0","1.0.1-odd!"]
            """);
        Matches(json, "1.0.0", true);
        Matches(json, "1.0.1-odd!", true);
        Matches(json, "1.0.2", false);
        // Text, not order.
        Matches(json, "v1.0.0", false);
        Matches(json, "5.0.0", true);
    }

    [Fact]
    public void A_range_of_commits_does_not_hide_those_after_it() => Matches(
        Affected("""
            "ranges":[
              {"type":"GIT","repo":"https://example.com/x","events":[{"introduced":"0"},{"fixed":"6879efc2c159"}]},
              {"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]
            """),
        "1.0.0", true);

    [Fact]
    public void A_range_of_commits_alone_says_nothing_of_versions() => Matches(
        Affected(""" "ranges":[{"type":"GIT","repo":"https://example.com/x","events":[{"introduced":"0"}]}] """),
        "1.0.0", false);

    [Fact]
    public void Without_ranges_and_versions_nothing_is_vulnerable() =>
        Matches(Affected("\"ranges\":[]"), "1.0.0", false);

    [Fact]
    public void Each_of_several_entries_for_a_package_counts()
    {
        var json = Record($"""
            "affected":[
              {Entry("npm", "left", """{"introduced":"1.0.0"},{"fixed":"1.0.5"}""")},
              {Entry("npm", "right", """{"introduced":"0"}""")},
              {Entry("npm", "left", """{"introduced":"2.0.0"},{"fixed":"2.0.7"}""")}]
            """);
        Assert.Equal("1.0.5", Find(json, "npm", "left", "1.0.0")!.FixedIn);
        Assert.Equal("2.0.7", Find(json, "npm", "left", "2.0.0")!.FixedIn);
        Assert.Null(Find(json, "npm", "left", "1.0.5"));
        Assert.Null(Find(json, "npm", "lef", "1.0.0"));
        Assert.Null(Find(json, "PyPI", "left", "1.0.0"));
    }

    [Fact]
    public void The_fix_is_the_lowest_that_is_higher_than_what_is_installed()
    {
        var json = Ranges(
            """{"introduced":"3.0.0"},{"fixed":"3.0.9"},{"introduced":"0"},{"fixed":"1.0.10"},{"introduced":"1.1.0"}""",
            """{"introduced":"2.0.0"},{"fixed":"2.0.3"},{"introduced":"5.0.0"}""");
        Assert.Equal("1.0.10", Find(json, "npm", "p", "1.0.9")!.FixedIn);
        Assert.Equal("2.0.3", Find(json, "npm", "p", "1.2.0")!.FixedIn);
        Assert.Equal("3.0.9", Find(json, "npm", "p", "2.0.3")!.FixedIn);
        Assert.Null(Find(json, "npm", "p", "4.0.0"));
        Assert.Null(Find(json, "npm", "p", "5.1.0")!.FixedIn);
    }

    [Fact]
    public void What_was_withdrawn_is_no_vulnerability()
    {
        var affected = $"\"affected\":[{Entry("npm", "p", """{"introduced":"0"}""")}]";
        Matches(Record(affected), "1.0.0", true);
        Matches(Record("\"withdrawn\":\"2024-01-01T00:00:00Z\"," + affected), "1.0.0", false);
    }

    [Theory]
    [InlineData("1.2.3-r0")]
    [InlineData("0")]
    [InlineData("0_alpha")]
    public void What_was_fixed_in_zero_never_was_there(string version) => Assert.Null(Find(
        Record($"\"affected\":[{Entry("Alpine:v3.20", "curl", """{"introduced":"0"},{"fixed":"0"}""", "ECOSYSTEM")}]"),
        "Alpine:v3.20", "curl", version));

    [Fact]
    public void Zero_is_below_every_version() => Assert.NotNull(Find(
        Record($"\"affected\":[{Entry("Debian:12", "x", """{"introduced":"0"}""", "ECOSYSTEM")}]"),
        "Debian:12", "x", "0~~1"));

    [Theory]
    [InlineData("7.88.1-10+deb12u4", true)]
    [InlineData("7.88.1-10+deb12u5~bpo11+1", true)]
    [InlineData("7.88.1-10+deb12u5", false)]
    public void Versions_have_the_order_of_their_ecosystem(string version, bool isVulnerable) => Assert.Equal(
        isVulnerable,
        Find(
            Record($"\"affected\":[{Entry(
                "Debian:12", "curl", """{"introduced":"0"},{"fixed":"7.88.1-10+deb12u5"}""", "ECOSYSTEM")}]"),
            "Debian:12", "curl", version) is not null);

    [Fact]
    public void Another_release_of_a_distribution_has_other_vulnerabilities()
    {
        var json = Record($"\"affected\":[{Entry("Debian:12", "curl", """{"introduced":"0"}""", "ECOSYSTEM")}]");
        Assert.NotNull(Find(json, "Debian:12", "curl", "1"));
        Assert.Null(Find(json, "Debian:11", "curl", "1"));
        Assert.Null(Find(json, "Debian", "curl", "1"));
    }

    [Fact]
    public void Of_an_ecosystem_without_an_order_only_the_listed_versions_are_known()
    {
        var json = Record("""
            "affected":[{"package":{"ecosystem":"New Thing","name":"x"},"versions":["7"],
              "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]
            """);
        Assert.NotNull(Find(json, "New Thing", "x", "7"));
        Assert.Null(Find(json, "New Thing", "x", "8"));
    }

    [Theory]
    [InlineData("NuGet", "newtonsoft.json", "Newtonsoft.Json")]
    [InlineData("PyPI", "zope-interface", "zope.interface")]
    [InlineData("PyPI", "zope-interface", "Zope._Interface")]
    public void Names_are_compared_as_their_ecosystem_does(string ecosystem, string name, string inRecord) =>
        Assert.NotNull(Find(
            Record($"\"affected\":[{Entry(ecosystem, inRecord, """{"introduced":"0"}""", "ECOSYSTEM")}]"),
            ecosystem, name, "1.0"));

    [Theory]
    [InlineData("", null)]
    [InlineData("""
        "severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"},
        {"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}],
        """, "Medium")]
    [InlineData(""" "severity":[{"type":"CVSS_V3","score":"rubbish"}],"database_specific":{"severity":"MODERATE"}, """,
        "Medium")]
    [InlineData(""" "severity":[{"type":"Ubuntu","score":"negligible"}], """, "Low")]
    [InlineData(""" "database_specific":{"severity":"CRITICAL"}, """, "Critical")]
    [InlineData(""" "database_specific":{"severity":7}, """, null)]
    public void A_vulnerability_is_as_bad_as_its_vectors_and_words_say(string fields, string? expected)
    {
        var json = Record(fields + $"\"affected\":[{Entry("npm", "p", """{"introduced":"0"}""")}]");
        Assert.Equal(expected, Find(json, "npm", "p", "1")!.Severity?.ToString());
    }

    [Theory]
    [InlineData("unimportant", "None")]
    [InlineData("low", "Low")]
    [InlineData("high", "High")]
    [InlineData("not yet assigned", "Critical")]
    [InlineData("end-of-life", "Critical")]
    public void What_Debian_says_of_its_package_comes_before_what_holds_for_everybody(string urgency, string expected)
    {
        var json = Record($$"""
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected":[{"package":{"ecosystem":"Debian:12","name":"x"},"ecosystem_specific":{"urgency":"{{urgency}}"},
              "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]
            """);
        Assert.Equal(expected, Find(json, "Debian:12", "x", "1")!.Severity.ToString());
    }

    [Fact]
    public void The_vector_of_a_package_replaces_that_of_the_record()
    {
        var json = Record("""
            "affected":[{"package":{"ecosystem":"npm","name":"p"},"versions":["1"],
              "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}]}],
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]
            """);
        Assert.Equal(Severity.High, Find(json, "npm", "p", "1")!.Severity);
    }

    [Fact]
    public void A_malicious_package_is_critical()
    {
        var json = Record($"\"affected\":[{Entry("npm", "p", """{"introduced":"0"}""")}]", "MAL-2024-1");
        Assert.Equal(Severity.Critical, Find(json, "npm", "p", "1")!.Severity);
    }

    private static void Matches(string json, string version, bool isVulnerable) =>
        Assert.Equal(isVulnerable, Find(json, "npm", "p", version) is not null);

    private static OsvHit? Find(string json, string ecosystem, string name, string version) =>
        OsvMatch.Find(OsvReader.Read(Encoding.UTF8.GetBytes(json)), new OsvName(ecosystem, name, version));

    private static string Record(string fields, string id = "GHSA-2345-6789-cfgh") => $"{{\"id\":\"{id}\",{fields}}}";

    private static string Affected(string fields) =>
        Record($"\"affected\":[{{\"package\":{{\"ecosystem\":\"npm\",\"name\":\"p\"}},{fields}}}]");

    private static string Ranges(params string[] ranges) => Affected(
        $"\"ranges\":[{string.Join(',', ranges.Select(events => $"{{\"type\":\"SEMVER\",\"events\":[{events}]}}"))}]");

    private static string Entry(string ecosystem, string name, string events, string type = "SEMVER") => $$"""
        {"package":{"ecosystem":"{{ecosystem}}","name":"{{name}}"},"ranges":[{"type":"{{type}}","events":[{{events}}]}]}
        """;
}
