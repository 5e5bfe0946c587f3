using System.Text;
using Berth.Disk;
using Berth.HarborAdapter;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Contents;
using Berth.Tests.Import;
using Berth.Tests.Packages;
using Berth.Tests.Scanning;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.HarborAdapter;

/// <summary>An image whose packages are not all known is not said to have few vulnerabilities.</summary>
[Inside]
public sealed class AdapterGapTests : IAsyncLifetime
{
    private const string Query = "?sbom_media_type=application/spdx%2Bjson";
    private const string Debian = "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n";
    private const string Libssl = "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n";

    private static readonly byte[] Base = RawTar.Gzip(new RawTar()
        .File("etc/os-release", Debian).File("var/lib/dpkg/status", Libssl).End());

    private KnownVulnerabilities known = null!;
    private ScriptedRegistry harbor = null!;
    private AdapterClient client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Harbor => "http://" + harbor.Authority;

    public async ValueTask InitializeAsync()
    {
        harbor = await ScriptedRegistry.StartAsync();
        known = await StartAsync(settings: s => AdapterClient.On(s, Harbor));
        client = new AdapterClient(known.Registry);
        await known.TellAsync(
            Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1"),
            Record("UBUNTU-CVE-2023-1", "Ubuntu:22.04:LTS", "openssl", "3.0.11-1"));
    }

    public async ValueTask DisposeAsync()
    {
        await known.DisposeAsync();
        await harbor.DisposeAsync();
    }

    [Theory]
    [InlineData("deleted", "it is of Debian 12, but the list of its packages is missing")]
    [InlineData("arch", "it is of Arch Linux, and lists of its package manager are not read")]
    [InlineData("like arch", "it is of Manjaro, and lists of its package manager are not read")]
    [InlineData("chisel", "does not say what they were built from")]
    [InlineData("damaged", "/var/lib/rpm/rpmdb.sqlite: it is no database of rpm")]
    [InlineData("damaged after many", "/var/lib/rpm/rpmdb.sqlite: it is no database of rpm")]
    [InlineData("hard link", "hard links to other files are not read")]
    public async Task An_image_whose_packages_are_not_all_known_gets_no_report_about_vulnerabilities(
        string how, string message)
    {
        var image = harbor.AddImage("library/app", "1", RawTar.Gzip(TarOf(how).End()));
        var answer = await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        Assert.True(answer.Status == 500, answer.Body);
        Assert.StartsWith("not all packages of the image are known", answer.Message, StringComparison.Ordinal);
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);

        // What is known can be told as long as that says nothing of the rest.
        Assert.Equal(200, (await SbomAsync(image.Digest)).Status);
    }

    /// <summary>There are many that were made to be damaged.</summary>
    [Fact]
    public async Task A_damaged_file_of_a_language_does_not_keep_an_image_from_being_scanned()
    {
        var image = harbor.AddImage("library/app", "1", RawTar.Gzip(new RawTar()
            .File("etc/os-release", Debian).File("var/lib/dpkg/status", Libssl).File("opt/broken.jar", "PK").End()));
        var answer = await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        Assert.True(answer.Status == 200, answer.Body);
        Assert.Equal(1, answer.Json.GetProperty("vulnerabilities").GetArrayLength());
        Assert.Contains(
            known.Registry.Log, line => line.Contains("may be missing: /opt/broken.jar", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_layer_that_registries_do_not_give_out_may_have_any_packages()
    {
        harbor.AddImage("library/app", "1", Base);
        var body = Encoding.UTF8.GetBytes(
            """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":"""
            + ContentImages.Describe("application/vnd.oci.image.config.v1+json", "{}"u8.ToArray()) + ",\"layers\":["
            + ContentImages.Describe("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", [1]) + ","
            + ContentImages.Describe("application/vnd.oci.image.layer.v1.tar+gzip", Base) + "]}");
        harbor.AddManifest("library/app", "2", body);
        var answer = await client.ScanAsync(
            AdapterClient.Request(Harbor, "library/app", ContentImages.DigestOf(body)));
        Assert.Equal(500, answer.Status);
        Assert.Contains("registries do not give out", answer.Message, StringComparison.Ordinal);
        Assert.Equal(200, (await SbomAsync(ContentImages.DigestOf(body))).Status);
    }

    [Fact]
    public async Task What_there_was_no_room_to_read_is_read_the_next_time()
    {
        var status = Libssl + "Description: x\n" + string.Concat(Enumerable.Repeat(" more about it\n", 100_000));
        var image = harbor.AddImage("library/app", "1", RawTar.Gzip(new RawTar()
            .File("etc/os-release", Debian).File("var/lib/dpkg/status", status).End()));
        var services = known.Registry.Services;
        var lists = ActivatorUtilities.CreateInstance<LayerLists>(
            services, new Spools(Path.Combine(known.Source, "none")));
        var scan = ActivatorUtilities.CreateInstance<ImageScan>(services, lists);
        var body = AdapterClient.Request(Harbor, "library/app", image.Digest);
        var (request, _) = ScanRequest.Read(
            Encoding.UTF8.GetBytes(body), services.GetRequiredService<ScannerAdapterSettings>().Registries,
            isOld: false);
        var fault = await Assert.ThrowsAsync<ScanFaultException>(() => scan.RunAsync(request!, Stop));
        Assert.Contains("/var/lib/dpkg/status: it can't be kept", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, await services.GetRequiredService<Database>().ReadAsync(
            session => session.NumberAsync("SELECT count(*) FROM adapter_layer"), Stop));
        var answer = await client.ScanAsync(body);
        Assert.True(answer.Status == 200, answer.Body);
        Assert.Equal(1, answer.Json.GetProperty("vulnerabilities").GetArrayLength());
    }

    private static RawTar TarOf(string how)
    {
        var tar = new RawTar();
        switch (how)
        {
            case "deleted":
                return tar.File("etc/os-release", Debian);
            case "arch":
                return tar.File("etc/os-release", "ID=arch\nPRETTY_NAME=\"Arch Linux\"\n");
            case "like arch":
                return tar.File("etc/os-release", "ID=manjaro\nID_LIKE=arch\nNAME=Manjaro\n");
            case "chisel":
                return tar.File("etc/os-release", "ID=ubuntu\nVERSION_ID=22.04\nPRETTY_NAME=\"Ubuntu 22.04\"\n")
                    .Entry("var/lib/chisel/manifest.wall", ChiselLists.Pack(
                        """{"kind":"package","name":"libssl3","version":"3.0.2-1","sha256":"a","arch":"amd64"}"""));
            case "hard link":
                return tar.File("etc/os-release", Debian).File("data/status", Libssl)
                    .File("var/lib/dpkg/status", "", '1', "data/status");
        }

        // Only some faults of an image are kept, and these come first.
        for (var i = 0; how == "damaged after many" && i < 20; i++) tar.File($"opt/{i}.jar", "PK");
        return tar.File("etc/os-release", Debian).File("var/lib/dpkg/status", Libssl)
            .File("var/lib/rpm/rpmdb.sqlite", new string('x', 5000));
    }

    private Task<AdapterAnswer> SbomAsync(string digest) => client.ScanAsync(
        AdapterClient.Request(Harbor, "library/app", digest, AdapterClient.ForSboms), AdapterClient.Sbom, Query);
}
