using System.Text;
using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>Records of the OSV format are read as far as they can be understood.</summary>
public sealed class OsvReaderTests
{
    [Fact]
    public void A_record_is_read()
    {
        var record = Read("""
            {"schema_version":"1.7.5","id":"GO-2024-0001","modified":"2024-05-02T03:04:05.123Z",
            "published":"2024-05-01T00:00:00Z","aliases":["GHSA-2345-6789-cfgh","CVE-2024-12345"],
            "upstream":["CVE-2024-54321"],"related":["CVE-1"],"summary":"  Words that go wrong\nand more",
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected":[{"package":{"ecosystem":"Go","name":"golang.org/x/net","purl":"pkg:golang/golang.org/x/net"},
              "ranges":[
                {"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"0.23.0"}]},{"type":"GIT","events":[{}]}],
              "versions":["0.1.0"],"ecosystem_specific":{"imports":[{"path":"golang.org/x/net/http2","symbols":["F"]}]},
              "database_specific":{"severity":"HIGH"}}],
            "references":[{"type":"WEB","url":"https://example.com"}],"new_in_1.9":{"x":[1]}}
            """);
        Assert.Equal("GO-2024-0001", record.Id);
        Assert.Equal("CVE-2024-12345", record.Name);
        Assert.Equal(new DateTimeOffset(2024, 5, 2, 3, 4, 5, 123, TimeSpan.Zero), record.Modified);
        Assert.Equal(new DateTimeOffset(2024, 5, 1, 0, 0, 0, TimeSpan.Zero), record.Published);
        Assert.Null(record.Withdrawn);
        Assert.Equal(["CVE-2024-54321"], record.Upstream);
        Assert.Equal("Words that go wrong", record.Summary);
        Assert.Equal("CVSS_V3", Assert.Single(record.Severities).Type);
        var affected = Assert.Single(record.Affected);
        Assert.Equal(("Go", "golang.org/x/net", "HIGH"), (affected.Ecosystem, affected.Name, affected.SeverityWord));
        Assert.Equal(
            [new(OsvEventKind.Introduced, "0"), new(OsvEventKind.Fixed, "0.23.0")],
            Assert.Single(affected.Ranges).Events);
        Assert.Equal(["0.1.0"], affected.Versions);
        Assert.Equal(["golang.org/x/net/http2"], affected.Imports);
    }

    [Theory]
    [InlineData("""{"id":"X-1"}""")]
    [InlineData("""{"id":"X-1","affected":7,"severity":{},"aliases":[7,null],"modified":"soon","summary":[]}""")]
    [InlineData("""{"id":"X-1","affected":[7,[],{},{"package":7},{"package":{"ecosystem":"npm"}}]}""")]
    [InlineData("""{"id":"X-1","affected":[{"package":{"name":"x","ecosystem":null}}],"database_specific":[]}""")]
    public void What_has_another_type_is_left_out(string json)
    {
        var record = Read(json);
        Assert.Equal("X-1", record.Id);
        Assert.Empty(record.Affected);
        Assert.Empty(record.Aliases);
        Assert.Empty(record.Severities);
        Assert.Null(record.Summary);
        Assert.Null(record.Modified);
    }

    [Fact]
    public void A_range_of_a_package_with_wrong_parts_is_read_as_far_as_it_goes()
    {
        var record = Read("""
            {"id":"X-1","affected":[{"package":{"ecosystem":"npm","name":"p"},"versions":"all","severity":[{"type":1}],
            "ranges":[7,{"type":"SEMVER"},{"type":"SEMVER","events":[7,{},{"introduced":1},{"fixed":"2"}]}]}]}
            """);
        var affected = Assert.Single(record.Affected);
        Assert.Empty(affected.Versions);
        Assert.Empty(affected.Severities);
        Assert.Equal([[], [new(OsvEventKind.Fixed, "2")]], affected.Ranges.Select(range => range.Events));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"id":""}""")]
    [InlineData("""{"id":7}""")]
    [InlineData("""{"id":"X-1" """)]
    [InlineData("""{"id":"X-1","summary":"\ud800"}""")]
    [InlineData("""{"id":"X-1"} x""")]
    public void What_is_no_record_is_refused(string json) => Assert.Throws<InvalidDataException>(() => Read(json));

    [Fact]
    public void What_is_too_deep_or_too_large_is_refused()
    {
        var nested = new string('[', 100_000) + new string(']', 100_000);
        Assert.Throws<InvalidDataException>(() => Read($"{{\"id\":\"X-1\",\"x\":{nested}}}"));
        var spaces = new string(' ', OsvReader.MaxBytes);
        Assert.Throws<InvalidDataException>(() => Read($"{{\"id\":\"X-1\"{spaces}}}"));
        Assert.Equal("X-1", Read($"{{\"id\":\"X-1\"{spaces[..^20]}}}").Id);
    }

    [Fact]
    public void Text_that_is_no_UTF_8_is_refused() => Assert.Throws<InvalidDataException>(
        () => OsvReader.Read(Encoding.Latin1.GetBytes("{\"id\":\"X-1\",\"summary\":\"\xff\"}")));

    [Theory]
    [InlineData("DEBIAN-CVE-2024-1", "[]", """["CVE-2024-1"]""", "CVE-2024-1")]
    [InlineData("GHSA-2345-6789-cfgh", """["PYSEC-1","CVE-2024-2"]""", "[]", "CVE-2024-2")]
    [InlineData("CVE-2024-3", """["CVE-2024-4"]""", "[]", "CVE-2024-3")]
    [InlineData("MAL-2024-5", "[]", "[]", "MAL-2024-5")]
    public void A_vulnerability_is_called_by_its_CVE_if_it_has_one(
        string id, string aliases, string upstream, string name) =>
        Assert.Equal(name, Read($"{{\"id\":\"{id}\",\"aliases\":{aliases},\"upstream\":{upstream}}}").Name);

    [Fact]
    public void A_long_summary_is_cut_between_characters()
    {
        var words = new string('x', 299);
        Assert.Equal(words + "…", Read($"{{\"id\":\"X\",\"details\":\"{words}😀!\"}}").Summary);
    }

    private static OsvRecord Read(string json) => OsvReader.Read(Encoding.UTF8.GetBytes(json));
}
