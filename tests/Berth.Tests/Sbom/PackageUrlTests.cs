using Berth.Oci;
using Berth.Packages;
using Berth.Sbom;

namespace Berth.Tests.Sbom;

/// <summary>Names of packages and of licences that other tools understand.</summary>
public sealed class PackageUrlTests
{
    private static readonly OsRelease Debian = new("debian", "12", "Debian GNU/Linux 12 (bookworm)");

    [Theory]
    [InlineData("npm", "@types/node", "20.1.0", "pkg:npm/%40types/node@20.1.0")]
    [InlineData("npm", "left-pad", "1.3.0", "pkg:npm/left-pad@1.3.0")]
    [InlineData("pypi", "Django_Package", "1.11.1.dev1", "pkg:pypi/django-package@1.11.1.dev1")]
    [InlineData("maven", "org.apache.x:batik-anim", "1.9.1", "pkg:maven/org.apache.x/batik-anim@1.9.1")]
    [InlineData("golang", "github.com/gorilla/Mux", "v1.8.0", "pkg:golang/github.com/gorilla/mux@v1.8.0")]
    [InlineData("golang", "stdlib", "1.22.3", "pkg:golang/stdlib@1.22.3")]
    [InlineData("composer", "Laravel/Laravel", "5.5.0", "pkg:composer/laravel/laravel@5.5.0")]
    [InlineData("nuget", "EnterpriseLibrary.Common", "6.0.1304", "pkg:nuget/EnterpriseLibrary.Common@6.0.1304")]
    [InlineData("cargo", "rand", "0.7.2", "pkg:cargo/rand@0.7.2")]
    [InlineData("gem", "odd name", "1 ?#@", "pkg:gem/odd%20name@1%20%3F%23%40")]
    public void A_package_of_a_language_has_a_name(string type, string name, string version, string url) =>
        Assert.Equal(url, PackageUrl.Of(new Package(type, name, version), Debian));

    [Fact]
    public void A_package_of_a_distribution_names_it()
    {
        var curl = new Package("deb", "libcurl4", "1:7.88.1-10+deb12u8") { Architecture = "amd64", Source = "curl" };
        Assert.Equal(
            "pkg:deb/debian/libcurl4@1:7.88.1-10%2Bdeb12u8?arch=amd64&distro=debian-12&upstream=curl",
            PackageUrl.Of(curl, Debian));
        Assert.Equal(
            "pkg:deb/libcurl4@1:7.88.1-10%2Bdeb12u8?arch=amd64&upstream=curl%407",
            PackageUrl.Of(curl with { SourceVersion = "7" }, system: null));
        Assert.Equal(
            "pkg:deb/debian/libcurl4@1:7.88.1-10%2Bdeb12u8?distro=debian&upstream=libcurl4%401",
            PackageUrl.Of(
                curl with { Architecture = null, Source = null, SourceVersion = "1" }, Debian with { VersionId = "" }));
        Assert.Equal(
            "pkg:rpm/redhat/nginx@1.20-1.el9?arch=x86_64&distro=rhel-9.4&epoch=2&rpmmod=nginx:1.20:1:2",
            PackageUrl.Of(
                new Package("rpm", "nginx", "2:1.20-1.el9") { Architecture = "x86_64", Module = "nginx:1.20:1:2" },
                new OsRelease("rhel", "9.4", "RHEL")));
    }

    [Fact]
    public void An_image_has_a_name()
    {
        var digest = Digest.Of(DigestAlgorithm.Sha256, []);
        Assert.Equal(
            $"pkg:oci/app@{digest.Text}?repository_url=registry.example:5000%2Facme%2Fapp&tag=1.0",
            PackageUrl.OfImage(RepositoryName.Parse("acme/app"), "registry.example:5000", digest, "1.0"));
    }

    [Theory]
    [InlineData("MIT", "MIT", "")]
    [InlineData("mit", "MIT", "")]
    [InlineData("Expat", "MIT", "")]
    [InlineData("GPL-2+", "GPL-2.0-or-later", "")]
    [InlineData("GPL-2", "GPL-2.0-only", "")]
    [InlineData("LGPLv2+", "LGPL-2.0-or-later", "")]
    [InlineData("LGPL-2.1+", "LGPL-2.1-or-later", "")]
    [InlineData("Apache-2.0 or MIT", "Apache-2.0 OR MIT", "")]
    [InlineData("(Expat or ISC) AND GPL-3+", "(MIT OR ISC) AND GPL-3.0-or-later", "")]
    [InlineData("GPL-3.0-or-later WITH GCC-exception-3.1", "GPL-3.0-or-later WITH GCC-exception-3.1", "")]
    [InlineData("Apache-2.0+", "Apache-2.0+", "")]
    [InlineData("Our own licence", "LicenseRef-Our-own-licence", "Our own licence")]
    [InlineData("MIT AND own", "MIT AND LicenseRef-own", "own")]
    [InlineData("MIT AND", "LicenseRef-MIT-AND", "MIT AND")]
    [InlineData(
        "GPL-3+ WITH nonsense", "GPL-3.0-or-later AND LicenseRef-GPL-3-with-nonsense", "GPL-3+ with nonsense")]
    [InlineData("(MIT", "LicenseRef-MIT", "(MIT")]
    [InlineData("(MIT)", "(MIT)", "")]
    [InlineData(
        "GPL-2+ AND (GPL-2+ with Autoconf exception)",
        "GPL-2.0-or-later AND (GPL-2.0-or-later AND LicenseRef-GPL-2-with-Autoconf-exception)",
        "GPL-2+ with Autoconf exception")]
    [InlineData("MIT AND ???", "LicenseRef-MIT-AND", "MIT AND ???")]
    [InlineData("MIT) OR (ISC", "LicenseRef-MIT-OR-ISC", "MIT) OR (ISC")]
    [InlineData("(((((((((((((((((MIT)))))))))))))))))", "((((((((((((((((MIT))))))))))))))))", "")]
    [InlineData("LicenseRef-x/y", "LicenseRef-x-y", "LicenseRef-x/y")]
    [InlineData("???", "NOASSERTION", "")]
    [InlineData("", "NOASSERTION", "")]
    public void Licences_become_expressions(string text, string expression, string others)
    {
        var license = Licenses.Read(text);
        Assert.Equal(expression, license.Expression);
        Assert.Equal(others, string.Join(',', license.Others.Select(one => one.Text)));
    }
}
