using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Scanners;
using Berth.Settings;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Scanning;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.HarborAdapter;

/// <summary>One registry scans the images of another, which calls it as it calls any scanner.</summary>
[Inside]
public sealed class ScanForBerthTests
{
    private static readonly byte[] Base = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n\n"
            + "Package: zlib1g\nSource: zlib\nVersion: 1:1.2.13\n")
        .End());

    private static readonly byte[] Upper = RawTar.Gzip(new RawTar()
        .File("app/node_modules/left-pad/package.json", """{"name":"left-pad","version":"1.3.0"}""")
        .File("app/node_modules/right-pad/package.json", """{"name":"right-pad","version":"1.0.0"}""")
        .End());

    /// <summary>A package of the lower layer is not there any more.</summary>
    private static readonly byte[] Top = RawTar.Gzip(new RawTar()
        .File("app/node_modules/.wh.right-pad", "").End());

    private static readonly string[] Records =
    [
        Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "MEDIUM", "CVE-2023-1"),
        Record("DEBIAN-CVE-2023-2", "Debian:12", "zlib", null, "NONE", "CVE-2023-2"),
        Record("GHSA-aaaa", "npm", "left-pad", null, "CRITICAL"),
        Record("GHSA-bbbb", "npm", "right-pad", null, "HIGH"),
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_finds_what_the_other_finds_itself()
    {
        var address = $"127.0.0.1:{FreePort()}";
        await using var scanner = await StartAsync(settings: s => AdapterClient.On(s, $"http://{address}"));
        await using var source = await StartAsync(settings: s => s with
        {
            Http = s.Http with { Addr = address },
            Scanners =
            [
                new ScannerSettings
                {
                    Name = "berth",
                    Url = scanner.Registry.BaseAddress + "scanner",
                    RegistryUrl = $"http://{address}",
                    Authorization = AdapterClient.Secret,
                },
            ],
        });
        await scanner.TellAsync(Records);
        await source.Images.PushAsync("team/app", "1", Base, Upper, Top);
        await source.CompareAsync("team/app:1");
        await source.TellAsync(Records);
        await CallAsync(source);

        var own = await source.Images.AskAsync("1/vulnerabilities?repository=team/app");
        var theirs = await source.Images.AskAsync("1/scanners/berth?repository=team/app");
        var report = theirs.GetProperty("report");
        Assert.Equal(("known", "Berth"), (report.Of("state"), report.Of("scanner")));
        Assert.False(report.TryGetProperty("fault", out var fault), fault.ToString());
        Assert.Equal(
            ["critical GHSA-aaaa left-pad 1.3.0 -> ", "medium CVE-2023-1 libssl3 3.0.9-1 -> 3.0.11-1",
                "harmless CVE-2023-2 zlib1g 1:1.2.13 -> "],
            LinesOf(theirs));
        Assert.Equal(LinesOf(own), LinesOf(theirs));
    }

    private static List<string> LinesOf(JsonElement found) => [.. found.GetProperty("items").EnumerateArray()
        .Select(one => $"{one.Of("severity")} {one.Of("name")} {one.Of("package")} {one.Of("version")} -> "
            + one.Of("fixedIn"))];

    /// <summary>Has the job done that calls scanners, until it has the report.</summary>
    private static async Task CallAsync(KnownVulnerabilities source)
    {
        var job = source.Registry.Services.GetServices<Job>().Single(job => job.Kind == CallScannersJob.Name);
        var database = source.Registry.Services.GetRequiredService<Database>();
        await Eventually.TrueAsync(async () =>
        {
            await job.RunAsync("", Stop);
            return await database.ReadAsync(
                session => session.NumberAsync("SELECT count(*) FROM scanner_report WHERE scanned_at > 0"), Stop) > 0;
        });
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
