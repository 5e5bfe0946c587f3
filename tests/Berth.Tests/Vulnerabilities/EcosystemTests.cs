using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>What records say of one release under several names is found under one.</summary>
public sealed class EcosystemTests
{
    [Theory]
    [InlineData("Red Hat:enterprise_linux:9::baseos", "Red Hat:9")]
    [InlineData("Red Hat:enterprise_linux:9::appstream", "Red Hat:9")]
    [InlineData("Red Hat:enterprise_linux:8::crb", "Red Hat:8")]
    [InlineData("Red Hat:enterprise_linux:10.0", "Red Hat:10")]
    [InlineData("Red Hat:enterprise_linux:7.9:GA:server", "Red Hat:7")]
    [InlineData("Red Hat:9", "Red Hat:9")]
    [InlineData("Red Hat:rhel_eus:9.2::appstream", null)]
    [InlineData("Red Hat:rhel_aus:8.4::baseos", null)]
    [InlineData("Red Hat:openshift:4.12::el8", null)]
    [InlineData("SUSE:Linux Enterprise Module for Basesystem 15 SP5", "SUSE:15 SP5")]
    [InlineData("SUSE:Linux Enterprise Server 15 SP5", "SUSE:15 SP5")]
    [InlineData("SUSE:Linux Enterprise Server for SAP Applications 15 SP5", "SUSE:15 SP5")]
    [InlineData("SUSE:Linux Enterprise Server 15 SP2-LTSS", "SUSE:15 SP2")]
    [InlineData("SUSE:Linux Enterprise Desktop 15", "SUSE:15")]
    [InlineData("SUSE:Linux Enterprise Module for Python 3 15 SP6", "SUSE:15 SP6")]
    [InlineData("SUSE:Manager Server 4.3", "SUSE:Manager Server 4.3")]
    [InlineData("SUSE:Linux Enterprise Server 12 SP5-LTSS", "SUSE:12 SP5")]
    [InlineData("SUSE:Linux Enterprise Micro 5.3", "SUSE:Linux Enterprise Micro 5.3")]
    [InlineData("openSUSE:Leap 15.5", "openSUSE:Leap 15.5")]
    [InlineData("Ubuntu:24.04:LTS", "Ubuntu:24.04:LTS")]
    [InlineData("Ubuntu:Pro:22.04:LTS", "Ubuntu:Pro:22.04:LTS")]
    [InlineData("Debian:12", "Debian:12")]
    [InlineData("npm", "npm")]
    [InlineData("", null)]
    [InlineData("a\nb", null)]
    public void One_release_has_one_name(string ecosystem, string? expected) =>
        Assert.Equal(expected, Ecosystems.Normalize(ecosystem));

    [Theory]
    [InlineData("debian", "12", "", "", "Debian:12")]
    [InlineData("ubuntu", "24", "04", "", "Ubuntu:24.04:LTS")]
    [InlineData("ubuntu", "24", "10", "", "Ubuntu:24.10")]
    [InlineData("alpine", "3", "20", "", "Alpine:v3.20")]
    [InlineData("alpine", "", "", "edge", "Alpine:edge")]
    [InlineData("redhat", "9", "", "", "Red Hat:9")]
    [InlineData("redhat", "9", "4", "", null)]
    [InlineData("sles", "15", "5", "", "SUSE:15 SP5")]
    [InlineData("sles", "15", "", "", "SUSE:15")]
    [InlineData("amazonlinux", "2023", "", "", "Amazon Linux:2023")]
    [InlineData("oraclelinux", "9", "", "", "Oracle Linux:9")]
    [InlineData("opensuseleap", "15", "5", "", "openSUSE:Leap 15.5")]
    [InlineData("mariner", "2", "0", "", "Azure Linux:2")]
    [InlineData("wolfi", "", "", "rolling", "Wolfi")]
    [InlineData("windows", "10", "", "", null)]
    public void Grypes_distributions_are_those_of_OSV(
        string name, string major, string minor, string label, string? expected)
    {
        Assert.Equal(expected, Ecosystems.OfGrype(name, major, minor, label));
        if (expected is not null) Assert.Equal(expected, Ecosystems.Normalize(expected));
    }

    [Fact]
    public void An_advisory_has_all_CVEs_that_it_is_about()
    {
        var advisory = new OsvRecord("RHSA-2024:1")
        {
            Aliases = ["GHSA-1"],
            Upstream = ["CVE-2024-1", "CVE-2024-2", "CVE-2024-1"],
            Related = ["CVE-2024-3"],
        };
        Assert.Equal(["CVE-2024-1", "CVE-2024-2"], advisory.Cves);
        Assert.Equal("CVE-2024-1", advisory.Name);
        Assert.Equal(["CVE-2024-3"], (advisory with { Upstream = [] }).Cves);
        Assert.Equal(["CVE-2024-9"], (advisory with { Id = "CVE-2024-9", Upstream = [] }).Cves);
        Assert.Empty(new OsvRecord("GHSA-1").Cves);
        Assert.Equal("GHSA-1", new OsvRecord("GHSA-1").Name);
        var many = advisory with { Upstream = [.. Enumerable.Range(0, 2_000).Select(n => $"CVE-2024-{n}")] };
        Assert.Equal(1_000, many.Cves.Count);
    }
}
