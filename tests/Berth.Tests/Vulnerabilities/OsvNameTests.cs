using Berth.Packages;
using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>What is found in images is looked up under the names that OSV has for it.</summary>
public sealed class OsvNameTests
{
    [Theory]
    [InlineData("debian", "12", "Debian GNU/Linux 12 (bookworm)", "Debian:12")]
    [InlineData("debian", "12.5", null, "Debian:12")]
    [InlineData("debian", null, "Debian GNU/Linux trixie/sid", null)]
    [InlineData("ubuntu", "24.04", "Ubuntu 24.04.1 LTS", "Ubuntu:24.04:LTS")]
    [InlineData("ubuntu", "23.04", null, "Ubuntu:23.04")]
    [InlineData("ubuntu", "24.10", null, "Ubuntu:24.10")]
    [InlineData("alpine", "3.20.3", null, "Alpine:v3.20")]
    [InlineData("alpine", "3.21_alpha20240807", "Alpine Linux edge", "Alpine:edge")]
    [InlineData("wolfi", "20230201", null, "Wolfi")]
    [InlineData("chainguard", null, null, "Chainguard")]
    [InlineData("almalinux", "9.4", null, "AlmaLinux:9")]
    [InlineData("rocky", "9.3", null, "Rocky Linux:9")]
    [InlineData("sles", "15.5", "SUSE Linux Enterprise Server 15 SP5", "SUSE:15 SP5")]
    [InlineData("sles", "15", "SUSE Linux Enterprise Server 15", "SUSE:15")]
    [InlineData("suse-microos", "5.3", "SUSE Linux Enterprise Micro 5.3", "SUSE:Linux Enterprise Micro 5.3")]
    [InlineData("rhel", "9.4", "Red Hat Enterprise Linux 9.4 (Plow)", "Red Hat:9")]
    [InlineData("centos", "7", "CentOS Linux 7 (Core)", "Red Hat:7")]
    [InlineData("centos", "9", "CentOS Stream 9", null)]
    [InlineData("ol", "9.4", "Oracle Linux Server 9.4", "Oracle Linux:9")]
    [InlineData("amzn", "2023", "Amazon Linux 2023", "Amazon Linux:2023")]
    [InlineData("fedora", "40", null, "Fedora:40")]
    [InlineData("opensuse-leap", "15.5", "openSUSE Leap 15.5", "openSUSE:Leap 15.5")]
    [InlineData("opensuse-tumbleweed", "20240820", "openSUSE Tumbleweed", "openSUSE:Tumbleweed")]
    [InlineData("azurelinux", "3.0", null, "Azure Linux:3")]
    [InlineData("mariner", "2.0", null, "Azure Linux:2")]
    [InlineData("openEuler", "22.03", "openEuler 22.03 (LTS-SP3)", "openEuler:22.03-LTS-SP3")]
    [InlineData("openEuler", "24.03", "openEuler 24.03 (LTS)", "openEuler:24.03-LTS")]
    [InlineData("mageia", "9", null, "Mageia:9")]
    [InlineData("photon", "5.0", null, "Photon OS:5.0")]
    [InlineData("arch", null, null, null)]
    [InlineData("", "", "", null)]
    public void A_distribution_has_its_ecosystem(string id, string? version, string? prettyName, string? expected) =>
        Assert.Equal(expected, Ecosystems.Of(new OsRelease(id, version ?? "", prettyName ?? "")));

    [Theory]
    [InlineData("cpe:/o:redhat:enterprise_linux:9::baseos", "Red Hat:9")]
    [InlineData("cpe:/o:redhat:rhel_eus:9.2::baseos", null)]
    [InlineData("cpe:/o:centos:centos:8", null)]
    [InlineData(null, null)]
    public void Red_Hat_is_known_by_its_CPE(string? cpe, string? expected) =>
        Assert.Equal(expected, Ecosystems.Of(new OsRelease("rhel", "", "") { Cpe = cpe }));

    [Theory]
    [InlineData("https://example.com/alpine/v3.20/main\nhttps://example.com/alpine/v3.20/community\n", "Alpine:v3.20")]
    [InlineData("https://example.com/alpine/v3.9/main\nhttps://example.com/alpine/v3.21/main", "Alpine:v3.21")]
    [InlineData("https://example.com/alpine/v3.9/main", "Alpine:v3.19")]
    [InlineData("https://example.com/alpine/v3.19/main\n@edge https://example.com/alpine/edge/testing", "Alpine:edge")]
    [InlineData("https://example.com/alpine/v3.19/main\n#https://example.com/alpine/edge/testing", "Alpine:v3.19")]
    [InlineData("/media/cdrom/apks\n", "Alpine:v3.19")]
    [InlineData("/v99999.99999/", "Alpine:v99999.99999")]
    public void Alpine_is_the_newest_release_that_its_packages_come_from(string repositories, string expected) =>
        Assert.Equal(
            expected, Ecosystems.Of(new OsRelease("alpine", "3.19.1", "") { Repositories = repositories }));

    [Theory]
    [InlineData("npm", "@scope/name", "1.0.0", "npm @scope/name 1.0.0")]
    [InlineData("pypi", "Zope.Interface", "5.0", "PyPI zope-interface 5.0")]
    [InlineData("nuget", "Newtonsoft.Json", "13.0.1", "NuGet newtonsoft.json 13.0.1")]
    [InlineData("maven", "org.example/core", "1.0", "Maven org.example:core 1.0")]
    [InlineData("maven", "org.example:core", "1.0", "Maven org.example:core 1.0")]
    [InlineData("gem", "rails", "7.0", "RubyGems rails 7.0")]
    [InlineData("cargo", "time", "0.1.0", "crates.io time 0.1.0")]
    [InlineData("composer", "symfony/http-kernel", "v5.4.1", "Packagist symfony/http-kernel v5.4.1")]
    [InlineData("golang", "golang.org/x/net", "v0.1.0", "Go golang.org/x/net 0.1.0")]
    [InlineData("golang", "stdlib", "go1.21rc2", "Go stdlib 1.21.0-rc.2")]
    [InlineData("golang", "stdlib", "go1.21", "Go stdlib 1.21.0")]
    [InlineData("golang", "stdlib", "go1.21beta1", "Go stdlib 1.21.0-beta.1")]
    [InlineData("golang", "stdlib", "go1.20.5", "Go stdlib 1.20.5")]
    [InlineData("golang", "stdlib", "go1.21.3 X:boringcrypto", "Go stdlib 1.21.3")]
    [InlineData("golang", "stdlib", "go1.26-X:jsonv2", "Go stdlib 1.26.0")]
    [InlineData("golang", "stdlib", "go1.22.1-fips", "Go stdlib 1.22.1")]
    [InlineData("golang", "stdlib", "devel go1.23-4b2e1d", "")]
    [InlineData("golang", "example.com/me", "(devel)", "")]
    [InlineData("generic", "x", "1", "")]
    [InlineData("deb", "libcurl4", "7.88.1-10", "")]
    public void A_package_of_a_language_has_its_name(string type, string name, string version, string expected) =>
        Assert.Equal(expected, Names(new Package(type, name, version), null));

    [Fact]
    public void A_package_of_a_distribution_is_looked_up_by_its_source()
    {
        var curl = new Package("deb", "libcurl4", "7.88.1-10");
        Assert.Equal("Debian:12 libcurl4 7.88.1-10", Names(curl, "Debian:12"));
        Assert.Equal("Debian:12 curl 7.88.1-10", Names(curl with { Source = "curl" }, "Debian:12"));
        Assert.Equal(
            "Debian:12 gcc-12 12.2", Names(curl with { Source = "gcc-12", SourceVersion = "12.2" }, "Debian:12"));
        Assert.Equal(
            "Alpine:v3.20 curl 8.9.0-r0",
            Names(new Package("apk", "libcurl", "8.9.0-r0") { Source = "curl" }, "Alpine:v3.20"));
    }

    [Fact]
    public void One_that_RPM_installed_is_looked_up_by_its_own_name_too() => Assert.Equal(
        "AlmaLinux:9 openssl 1:3.0.7-1, AlmaLinux:9 openssl-libs 1:3.0.7-1",
        Names(new Package("rpm", "openssl-libs", "1:3.0.7-1") { Source = "openssl" }, "AlmaLinux:9"));

    private static string Names(Package package, string? distribution) => string.Join(
        ", ", OsvName.Of(package, distribution).Select(name => $"{name.Ecosystem} {name.Name} {name.Version}"));
}
