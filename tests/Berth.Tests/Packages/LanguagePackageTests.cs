using Berth.Packages;

namespace Berth.Tests.Packages;

/// <summary>What describes packages of programming languages, as their tools write it, and as nobody should.</summary>
public sealed class LanguagePackageTests
{
    [Theory]
    [InlineData("""{"name":"left-pad","version":"1.3.0","license":"WTFPL"}""", "npm left-pad 1.3.0 WTFPL")]
    [InlineData("""{"name":"@types/node","version":"20.1.0","license":{"type":"MIT"}}""", "npm @types/node 20.1.0 MIT")]
    [InlineData(
        """{"name":"old","version":"1.0.0","licenses":[{"type":"MIT"},{"type":"Apache-2.0"}]}""",
        "npm old 1.0.0 MIT OR Apache-2.0")]
    [InlineData("""{"name":"private"}""", null)]
    [InlineData("""{"name":["a"],"version":1}""", null)]
    [InlineData("""["name","version"]""", null)]
    public void A_package_of_npm_is_described_at_its_root(string json, string? expected) =>
        Assert.Equal(expected ?? "", Texts("node_modules/x/package.json", json));

    [Fact]
    public void Files_that_are_no_JSON_say_so() =>
        Assert.Equal("it is no JSON", PackageReading.Read("node_modules/x/package.json", "{\"name\": ")!.Fault);

    [Fact]
    public void Text_that_is_none_is_no_name() =>
        Assert.Null(PackageReading.Read("node_modules/x/package.json", """{"name":"\ud800","version":"1"}"""));

    [Fact]
    public void What_is_too_deep_is_no_JSON() => Assert.Equal(
        "it is no JSON",
        PackageReading.Read("app/x.deps.json", new string('[', 2 << 20))!.Fault);

    [Theory]
    [InlineData("usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA")]
    [InlineData("usr/lib/python3/dist-packages/six.egg-info/PKG-INFO")]
    [InlineData("usr/lib/python3/dist-packages/six-1.16.0.egg-info")]
    public void A_distribution_of_Python_has_metadata(string path)
    {
        Assert.Equal("pypi six 1.16.0 MIT", Texts(
            path,
            """
            Metadata-Version: 2.1
            Name: six
            Version: 1.16.0
            Classifier: License :: OSI Approved :: BSD License
            License: MIT

            Name: from-the-description
            """));
        Assert.Equal("pypi six 1 BSD License", Texts(
            path, "name: six\nversion: 1\nClassifier: License :: OSI Approved :: BSD License\n"));
        Assert.Equal("pypi six 1 MIT", Texts(path, "Name: six\nVersion: 1\nLicense: X\nLicense-Expression: MIT"));
    }

    [Theory]
    [InlineData("# stub: rake 13.0.6 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"other\".freeze\n", "")]
    [InlineData("Gem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n", "")]
    [InlineData("Gem::Specification.new do |spec|\n  spec.name = 'rake'\n  spec.version = '13.0.6'\n", "")]
    [InlineData("# stub: rake 13.0.6 x86_64-linux lib\n  s.licenses = [\"MIT\".freeze]\n", " MIT x86_64-linux")]
    public void A_gem_has_a_specification(string text, string rest) => Assert.Equal(
        $"gem rake 13.0.6{rest}", Texts("usr/lib/ruby/gems/3.1.0/specifications/default/rake-13.0.6.gemspec", text));

    [Theory]
    [InlineData("""{"packages":[{"name":"monolog/monolog","version":"2.9.1","license":["MIT"]},{"name":"x"}]}""")]
    [InlineData("""[{"name":"monolog/monolog","version":"2.9.1","license":["MIT"]},7,null,{"version":"1"}]""")]
    public void Composer_lists_its_packages(string json) => Assert.Equal(
        "composer monolog/monolog 2.9.1 MIT", Texts("srv/vendor/composer/installed.json", json));

    [Fact]
    public void A_program_of_NET_has_the_libraries_whose_files_it_has() => Assert.Equal(
        """
        nuget Dapper 2.1.35
        nuget SQLite.Native 1.0.0
        nuget Microsoft.NETCore.App.Runtime.linux-x64 10.0.1
        """,
        Texts(
            "app/Program.deps.json",
            """
            {
              "runtimeTarget": { "name": "net10.0/linux-x64" },
              "targets": { "net10.0": {}, "net10.0/linux-x64": {
                "Program/1.0.0": { "runtime": { "Program.dll": {} } },
                "Dapper/2.1.35": { "runtime": { "lib/Dapper.dll": {} } },
                "Analyzers/1.0.0": {},
                "Facade/1.0.0": { "dependencies": { "Dapper": "2.1.35" }, "runtime": {} },
                "SQLite.Native/1.0.0": { "native": { "libsqlite3.so": {} } },
                "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/10.0.1": { "runtime": { "System.dll": {} } } } },
              "libraries": {
                "Program/1.0.0": { "type": "project" },
                "Dapper/2.1.35": { "type": "package" },
                "Analyzers/1.0.0": { "type": "package" },
                "Facade/1.0.0": { "type": "package" },
                "SQLite.Native/1.0.0": { "type": "package" },
                "a/b/c": { "type": "package" },
                "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/10.0.1": { "type": "runtimepack" } }
            }
            """));

    [Fact]
    public void Os_release_names_the_distribution()
    {
        var found = PackageReading.Read(
            "usr/lib/os-release",
            """
            PRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"
            NAME='Red Hat Enterprise Linux'
            VERSION_ID="9.4"
            ID=rhel
            ID_LIKE="fedora"
            CPE_NAME="cpe:/o:redhat:enterprise_linux:9::baseos"
            # ID=other
            """)!.OsRelease!;
        Assert.Equal(("rhel", "9.4", "Red Hat Enterprise Linux 9.4 (Plow)"), (found.Id, found.VersionId, found.Name));
        Assert.Equal(("cpe:/o:redhat:enterprise_linux:9::baseos", "fedora"), (found.Cpe, found.Like));
        Assert.Null(PackageReading.Read("etc/os-release", "NAME=x\nVERSION_ID=1\n"));
    }

    [Theory]
    [InlineData(
        "Format: x\n\nFiles: *\nLicense: GPL-2+\n text\n\nFiles: a\nLicense: Expat or BSD\n",
        "(Expat or BSD) AND GPL-2+")]
    [InlineData("It is under the GPL, see `/usr/share/common-licenses/GPL-3'.\n", "GPL-3")]
    [InlineData("Nobody knows.\n", null)]
    public void Copyright_files_name_licences(string text, string? expected)
    {
        Assert.Equal("libc6", CopyrightFormat.PackageOf("usr/share/doc/libc6/copyright"));
        Assert.Equal(expected, PackageReading.Read("usr/share/doc/libc6/copyright", text)?.License);
    }

    /// <summary>What a line says of a folder must not be copied for each of its files.</summary>
    [Fact]
    public void A_folder_with_an_endless_name_costs_nothing()
    {
        var text = $"P:a\nV:1\nF:{new string('x', 8 << 20)}\n" + string.Concat(Enumerable.Repeat("R:a\n", 1_000_000));
        var began = TimeProvider.System.GetTimestamp();
        Assert.Equal("apk a 1", Texts("lib/apk/db/installed", text));
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 20);
    }

    [Fact]
    public void Lists_of_files_keep_those_that_matter()
    {
        Assert.Equal(
            [
                "usr/bin/python3.11", "usr/lib/cni/bridge", "usr/lib/python3/dist-packages/six-1.16.0.egg-info",
                "usr/share/nodejs/node_modules/a/package.json",
            ],
            PackageReading.Read(
                "var/lib/dpkg/info/python3.list",
                """
                /.
                /usr
                /usr/bin/python3.11
                /usr/lib/cni/bridge
                /usr/lib/libcni.so.1
                /usr/lib/python3/dist-packages/six-1.16.0.egg-info
                /usr/lib/python3/dist-packages/six.py
                /usr/share/nodejs/node_modules/a/package.json
                """)!.Owned!);
        Assert.Equal(
            ["usr/bin/crane"],
            PackageReading.Read(
                "var/lib/dpkg/status.d/crane.md5sums",
                "d41d8cd98f00b204e9800998ecf8427e  usr/bin/crane\nd41d8cd98f00b204e9800998ecf8427e  etc/x")!.Owned!);
        Assert.Equal(
            ["bin/busybox", "usr/bin/env"],
            PackageReading.Read(
                "lib/apk/db/installed",
                "P:busybox\nV:1\nF:bin\nR:busybox\nF:etc\nR:securetty\nF:usr/bin\nR:env\n\n")!.Owned!);
    }

    private static string Texts(string path, string text) => string.Join(
        Environment.NewLine,
        (PackageReading.Read(path, text)?.Packages ?? []).Select(one => string.Join(
            ' ', new[] { one.Type, one.Name, one.Version, one.License, one.Architecture }.OfType<string>())));
}
