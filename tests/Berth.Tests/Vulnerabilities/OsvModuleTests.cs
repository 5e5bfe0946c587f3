using System.Text;
using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>Records of Red Hat's family say in their headings which module they are about.</summary>
public sealed class OsvModuleTests
{
    [Theory]
    [InlineData("Important: nodejs:18 security update", "1:18.2-1.module+el9.3.0+1", "nodejs:18")]
    [InlineData("Moderate: go-toolset:rhel8 security and bug fix update", "1-1.module_el8", "go-toolset:rhel8")]
    [InlineData("Important: virt:rhel and virt-devel:rhel security update", "1-1.module+el8", null)]
    [InlineData("A text", "1-1.module+el8", null)]
    [InlineData("Important: nodejs security update", "1:18.2-1.el9", "")]
    public void A_fix_is_of_the_module_that_the_heading_names(string summary, string version, string? module)
    {
        foreach (var ecosystem in new[] { "Red Hat:enterprise_linux:9::appstream", "Rocky Linux:9", "AlmaLinux:9" })
            Assert.Equal(module, Assert.Single(Read(ecosystem, summary, version).Affected).Module);
        Assert.Null(Assert.Single(Read("Debian:12", summary, version).Affected).Module);
    }

    [Fact]
    public void What_is_fixed_in_a_stream_is_so_for_its_packages_alone()
    {
        var record = Read("AlmaLinux:9", "Important: nodejs:18 security update", "1:18.2-1.module_el9.3.0+1");
        var mine = new OsvName("AlmaLinux:9", "nodejs", "1:16.1-1.module_el9.3.0+1") { Module = "nodejs:18" };
        Assert.NotNull(OsvMatch.Find(record, mine));
        Assert.Null(OsvMatch.Find(record, mine with { Module = "nodejs:16" }));
        Assert.Null(OsvMatch.Find(record, mine with { Module = null, Version = "1:16.1-1.el9" }));
        var plain = Read("AlmaLinux:9", "Important: nodejs security update", "1:16.2-1.el9");
        Assert.Null(OsvMatch.Find(plain, mine));
        Assert.NotNull(OsvMatch.Find(plain, mine with { Module = null, Version = "1:16.1-1.el9" }));
    }

    private static OsvRecord Read(string ecosystem, string summary, string version) =>
        OsvReader.Read(Encoding.UTF8.GetBytes($$"""
            {"id":"RHSA-1","summary":"{{summary}}","affected":[{"package":{"ecosystem":"{{ecosystem}}","name":"nodejs"},
            "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"{{version}}"}]}]}]}
            """));
}
