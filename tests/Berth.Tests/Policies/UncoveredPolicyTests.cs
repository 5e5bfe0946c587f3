using System.Text;
using Berth.Metadata;
using Berth.Oci;
using Berth.Scanning;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Packages;
using Berth.Tests.Scanning;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Policies;

/// <summary>What is not listed is not clean, and what is no image is not judged.</summary>
[Inside]
public sealed class UncoveredPolicyTests : IAsyncLifetime
{
    private const string Debian = "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n";
    private const string Strict = """{"names":"team/**","maxSeverity":"high"}""";

    private static readonly string[] Data =
    [
        Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "CRITICAL", "CVE-2023-1"),
        Record("UBUNTU-CVE-2023-1", "Ubuntu:22.04:LTS", "openssl", "3.0.11-1", "CRITICAL", "CVE-2023-1"),
        Record("UBUNTU-CVE-2023-2", "Ubuntu:22.04:LTS", "zlib", "1.4", "CRITICAL", "CVE-2023-2").Replace(
            "\"ranges\"",
            """
            "ecosystem_specific":{"binaries":[{"zlib1g":"1.4","zlib1g-dev":"1.4"},{"binary_name":"minizip"}]},"ranges"
            """,
            StringComparison.Ordinal),
        Record("GHSA-aaaa", "npm", "left-pad", null, "CRITICAL", "CVE-2023-9"),
    ];

    private PolicyImages images = null!;

    public async ValueTask InitializeAsync() => images = await PolicyImages.StartAsync();

    public ValueTask DisposeAsync() => images.DisposeAsync();

    [Fact]
    public async Task An_image_whose_list_of_packages_was_deleted_is_not_known_to_be_good()
    {
        await images.PushAsync("team/deleted", Layer(("etc/os-release", Debian)));
        await images.PushAsync("team/like", Layer(("etc/os-release", "ID=nobodys\nID_LIKE=\"fedora rhel\"\n")));
        await images.PushAsync("team/distroless", Layer(
            ("etc/os-release", Debian), ("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 1\n")));
        await images.PushAsync("team/nixos", Layer(("etc/os-release", "ID=nixos\nPRETTY_NAME=NixOS\n")));
        await images.PushAsync("team/scratch", Layer(("app", "x")));
        await images.Known.TellAsync(Data);
        await images.SetAsync(Strict);
        Assert.Contains(
            "not all its vulnerabilities are known, since it is of Debian 12, but the list of its packages is missing",
            await images.WhyNotAsync("team/deleted"));
        Assert.Contains("it is of nobodys", await images.WhyNotAsync("team/like"));
        foreach (var good in new[] { "team/distroless", "team/nixos", "team/scratch" })
            Assert.Equal("", await images.WhyNotAsync(good));
        var seen = await images.Known.Images.AskAsync("1/vulnerabilities?repository=team/deleted");
        Assert.Contains("the list of its packages is missing", seen.GetProperty("faults")[0].GetString());
        await images.SetAsync("""{"names":"team/**","maxSeverity":"high","allowsUnscanned":true}""");
        Assert.Equal("", await images.WhyNotAsync("team/deleted"));
    }

    [Fact]
    public async Task Packages_that_do_not_say_what_they_were_built_from_are_compared_as_far_as_records_say_it()
    {
        var layer = RawTar.Gzip(new RawTar()
            .File("etc/os-release", "ID=ubuntu\nVERSION_ID=22.04\nPRETTY_NAME=\"Ubuntu 22.04\"\n")
            .Entry("var/lib/chisel/manifest.wall", ChiselLists.Pack(
                """{"kind":"package","name":"libssl3","version":"3.0.2-1","sha256":"a","arch":"amd64"}""",
                """{"kind":"package","name":"minizip","version":"1.3","sha256":"a","arch":"amd64"}""",
                """{"kind":"package","name":"openssl","version":"3.0.2-1","sha256":"a","arch":"amd64"}""",
                """{"kind":"package","name":"zlib1g","version":"1.3","sha256":"a","arch":"amd64"}"""))
            .End());
        await images.PushAsync("team/app", layer);
        await images.Known.TellAsync(Data);
        var seen = await images.Known.Images.AskAsync("1/vulnerabilities?repository=team/app");
        Assert.Equal(
            ["CVE-2023-1 openssl", "CVE-2023-2 minizip", "CVE-2023-2 zlib1g"],
            seen.GetProperty("items").EnumerateArray().Select(one => $"{one.Of("name")} {one.Of("package")}"));
        Assert.Contains("does not say what they were built from", seen.GetProperty("faults")[0].GetString());
        await images.SetAsync("""{"names":"team/**","refusesExploited":true}""");
        Assert.Contains("since the list of its packages (Chisel's)", await images.WhyNotAsync("team/app"));
    }

    /// <summary>Policies are not about build caches, and some clients make containers of whatever has such a config.
    /// </summary>
    [Theory]
    [InlineData("""{"os":"linux","rootfs":{"type":"layers","diff_ids":[]} }""")]
    [InlineData("""{"ROOTFS":{} }""")]
    [InlineData("{")]
    public async Task An_image_that_says_that_it_is_a_build_cache_is_not_taken(string text)
    {
        var config = Encoding.UTF8.GetBytes(text);
        using var sent = await images.Known.Images.SendAsync(
            "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(config)}", config, null, 201);
        foreach (var type in new[] { MediaTypes.OciManifest, MediaTypes.DockerManifest })
        {
            var body = Encoding.UTF8.GetBytes($$"""
                {"schemaVersion":2,"mediaType":"{{type}}","config":{"mediaType":"{{MediaTypes.BuildCacheConfig}}",
                "digest":"{{ContentImages.DigestOf(config)}}","size":{{config.Length}}},"layers":[]}
                """);
            using var refused = await images.Known.Images.SendAsync(
                "PUT", "/v2/team/app/manifests/cache", body, type, 400);
            Assert.Contains(
                "not that of a build cache",
                await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task A_build_cache_is_no_image()
    {
        var layer = Layer(("etc/os-release", Debian));
        var config = Encoding.UTF8.GetBytes("{}");
        foreach (var blob in new[] { layer, config })
        {
            using var sent = await images.Known.Images.SendAsync(
                "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(blob)}", blob, null, 201);
        }

        var digest = await images.Known.Images.PushManifestAsync(
            "team/app", "cache", MediaTypes.OciManifest, $$"""
            {"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}",
            "config":{"mediaType":"{{MediaTypes.BuildCacheConfig}}",
            "digest":"{{ContentImages.DigestOf(config)}}","size":2},
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",
            "digest":"{{ContentImages.DigestOf(layer)}}","size":{{layer.Length}}}]}
            """);
        await images.PushAsync("team/other", layer);
        var database = images.Known.Registry.Services.GetRequiredService<Database>();
        await images.Known.Registry.Services.GetRequiredService<ImageScanning>()
            .AddMissingAsync(TestContext.Current.CancellationToken);
        Assert.Null(await database.ReadAsync(
            session => ImageScanTable.FindAsync(session, Digest.Parse(digest)),
            TestContext.Current.CancellationToken));
        await images.SetAsync("""{"names":"team/**","maxAgeSeconds":60,"isSigned":true,"maxSeverity":"none"}""");
        images.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal("", await images.WhyNotAsync("team/app", "cache"));
        Assert.NotEmpty(await images.WhyNotAsync("team/other"));
    }

    /// <summary>What is noted of a vulnerability is what was found in the package that was compared last.</summary>
    [Fact]
    public async Task A_waiver_counts_under_each_name_that_any_database_has_for_a_vulnerability()
    {
        string[] data =
            [.. Data[1..], Record("DEBIAN-CVE-2023-9", "Debian:12", "openssl", null, "CRITICAL", "CVE-2023-9")];
        await images.PushAsync("team/script", Layer(
            ("etc/os-release", Debian), ("var/lib/dpkg/status", "Package: tzdata\nVersion: 1\n"),
            ("a/node_modules/left-pad/package.json", """{"name":"left-pad","version":"1.3.0"}""")));
        await images.Known.TellAsync(data);
        await images.PushAsync("team/app", Layer(
            ("etc/os-release", Debian), ("var/lib/dpkg/status", "Package: openssl\nVersion: 3.0.9-1\n")));
        await images.SetAsync(Strict);
        Assert.Contains("CVE-2023-9", await images.WhyNotAsync("team/app"));
        Assert.Contains("CVE-2023-9", await images.WhyNotAsync("team/script"));
        await images.AskAsync(
            "POST", "/waivers", """{"names":"team/**","vulnerability":"ghsa-aaaa","reason":"x"}""", 201);
        Assert.Equal("", await images.WhyNotAsync("team/app"));
        Assert.Equal("", await images.WhyNotAsync("team/script"));
    }

    private static byte[] Layer(params (string Path, string Text)[] files)
    {
        var tar = new RawTar();
        foreach (var (path, text) in files) tar.File(path, text);
        return RawTar.Gzip(tar.End());
    }
}
