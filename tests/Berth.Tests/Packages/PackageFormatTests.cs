using Berth.Packages;
using Berth.Tests.Clients;

namespace Berth.Tests.Packages;

/// <summary>Lists of packages, as the package managers write them, and as nobody should.</summary>
public sealed class PackageFormatTests
{
    [Theory]
    [InlineData("var/lib/dpkg/status", true)]
    [InlineData("var/lib/dpkg/status.d/libc6", true)]
    [InlineData("var/lib/dpkg/status.d/libc6.md5sums", true)]
    [InlineData("var/lib/dpkg/info/libc6:amd64.list", true)]
    [InlineData("var/lib/dpkg/info/libc6.postinst", false)]
    [InlineData("usr/share/doc/libc6/copyright", true)]
    [InlineData("usr/share/doc/libc6/examples/copyright", false)]
    [InlineData("etc/os-release", true)]
    [InlineData("app/node_modules/left-pad/package.json", true)]
    [InlineData("node_modules/@types/node/package.json", true)]
    [InlineData("node_modules/a/node_modules/b/package.json", true)]
    [InlineData("node_modules/left-pad/test/package.json", false)]
    [InlineData("node_modules/@types/package.json", false)]
    [InlineData("node_modules/package.json", false)]
    [InlineData("my_node_modules/a/package.json", false)]
    [InlineData("app/package.json", false)]
    [InlineData("usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA", true)]
    [InlineData("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO", true)]
    [InlineData("usr/lib/python3/dist-packages/olefile-0.46.egg-info", true)]
    [InlineData("usr/lib/python3/METADATA", false)]
    [InlineData("usr/share/rubygems-integration/all/specifications/rake-13.0.6.gemspec", true)]
    [InlineData("usr/lib/ruby/gems/rake/rake.gemspec", false)]
    [InlineData("srv/vendor/composer/installed.json", true)]
    [InlineData("srv/xvendor/composer/installed.json", false)]
    [InlineData("app/Program.deps.json", true)]
    [InlineData("var/lib/dpkg/status-old", false)]
    [InlineData("old/var/lib/dpkg/status", false)]
    [InlineData("usr/lib/opkg/status", true)]
    [InlineData("lib/apk/db/installed", true)]
    [InlineData("usr/lib/apk/db/installed", true)]
    [InlineData("lib/apk/db/scripts.tar", false)]
    [InlineData("var/lib/chisel/manifest.wall", true)]
    [InlineData("var/lib/rpmmanifest/container-manifest-2", true)]
    [InlineData("var/lib/rpmmanifest/container-manifest-1", false)]
    public void Lists_are_known_by_their_paths(string path, bool isList) =>
        Assert.Equal(isList, PackageFormat.Find(path) is not null);

    [Fact]
    public void Paragraphs_of_dpkg_are_packages_unless_only_their_configuration_is_left() => Assert.Equal(
        [
            "libssl3 3.0.15-1~deb12u1 amd64 openssl (same)", "unwanted 2 (none) (same) (same)",
            "tzdata 2024b-0+deb12u1 all (same) (same)",
            "python3.11 3.11.2-6 amd64 (same) 3.11.2-6+b1", "last 1 (none) (same) (same)",
        ],
        Read(
            "var/lib/dpkg/status",
            """
            Package: libssl3
            Status: install ok installed
            Architecture: amd64
            Source: openssl
            Version: 3.0.15-1~deb12u1
            Description: Secure Sockets Layer toolkit
             Version: 9
             .
             more

            Package: gone
            Status: deinstall ok config-files
            Version: 1

            Package: unwanted
            Status: deinstall ok installed
            Version: 2

            Package: half
            Status: purge ok not-installed

            package: tzdata
            STATUS: hold ok installed
            Architecture: all
            Version: 2024b-0+deb12u1

            Package: python3.11
            Status: install ok half-configured
            Architecture: amd64
            Source: python3.11 (3.11.2-6+b1)
            Version: 3.11.2-6

            Status: install ok installed
            Version: 1

            Package: last
            Version: 1
            """));

    [Fact]
    public void Paragraphs_of_apk_are_packages() => Assert.Equal(
        ["musl 1.2.5-r0 x86_64 (same) (same)", "libcrypto3 3.3.2-r1 x86_64 openssl (same)"],
        Read(
            "lib/apk/db/installed",
            """
            C:Q1kSjP8J
            P:musl
            V:1.2.5-r0
            A:x86_64
            L:MIT
            o:musl
            F:lib
            R:ld-musl-x86_64.so.1
            a:0:0:755

            P:libcrypto3
            V:3.3.2-r1
            A:x86_64
            o:openssl

            P:without-version
            """));

    [Theory]
    [InlineData("")]
    [InlineData("\n\n\n")]
    [InlineData("Package:\nVersion:\n")]
    [InlineData("Package: a\nVersion: \u0000\u0001")]
    [InlineData(": : :\n:\n :")]
    [InlineData("P:\nV:\nP\nV\n::")]
    public void What_is_no_list_is_no_error(string text)
    {
        foreach (var path in new[] { "var/lib/dpkg/status", "lib/apk/db/installed" })
            Assert.InRange(PackageReading.Read(path, text)?.Packages.Count ?? 0, 0, 1);
    }

    [Fact]
    public void Names_that_are_no_names_are_left_out() => Assert.Empty(
        Read("var/lib/dpkg/status", $"Package: {new string('x', 10_000)}\nVersion: 1\n"));

    /// <summary>Against dpkg itself, on whatever the machine has.</summary>
    [Fact]
    public async Task The_packages_of_this_machine_are_those_that_dpkg_lists()
    {
        var run = await ProgramRun.StartAsync(
            "dpkg-query",
            [
                "-W", "-f", "${binary:Package} ${Version} ${Architecture} ${source:Package} ${source:Version} "
                    + "${db:Status-Status}\n",
            ],
            new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(1));
        var expected = run.OutputOfSuccess().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.EndsWith(" config-files", StringComparison.Ordinal)
                && !line.EndsWith(" not-installed", StringComparison.Ordinal))
            .Select(line => line[..line.LastIndexOf(' ')]).ToList();
        using var content = File.OpenRead("/var/lib/dpkg/status");
        var found = PackageReading.Read("var/lib/dpkg/status", content)!.Packages;
        Assert.True(found.Count > 50);
        Assert.Equal(
            expected.Select(line => line.Split(' ')).Select(one =>
                $"{one[0].Split(':')[0]} {one[1]} {one[2]} {one[3]} {one[4]}").Order(StringComparer.Ordinal),
            found.Select(one =>
                $"{one.Name} {one.Version} {one.Architecture} {one.Source ?? one.Name} "
                + $"{one.SourceVersion ?? one.Version}").Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Read(string path, string text) =>
        (PackageReading.Read(path, text)?.Packages ?? []).Select(one =>
            $"{one.Name} {one.Version} {one.Architecture ?? "(none)"} {one.Source ?? "(same)"} "
            + $"{one.SourceVersion ?? "(same)"}");
}
