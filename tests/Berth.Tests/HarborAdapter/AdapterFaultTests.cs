using System.Text;
using Berth.HarborAdapter;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Contents;
using Berth.Tests.Import;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.HarborAdapter;

/// <summary>
/// Requests that can't be done, images that lie or are too large, registries that must not be asked, and scans that end
/// otherwise: each gets the answer that Harbor's scanner API has for it.
/// </summary>
[Inside]
public sealed class AdapterFaultTests : IAsyncLifetime
{
    private const string Query = "?sbom_media_type=application/spdx%2Bjson";
    private const string Other = "http://other.example.com";

    private static readonly string Digest = "sha256:" + new string('a', 64);
    private static readonly byte[] Layer = RawTar.Gzip(new RawTar().File("etc/hostname", "x").End());

    private readonly SteppingClock clock = new();
    private ScriptedRegistry harbor = null!;
    private RegistryFixture registry = null!;
    private AdapterClient client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Harbor => "http://" + harbor.Authority;

    public async ValueTask InitializeAsync()
    {
        harbor = await ScriptedRegistry.StartAsync();
        registry = await RegistryFixture.StartAsync(
            s =>
            {
                s = AdapterClient.On(s, Harbor);
                return s with
                {
                    ScannerAdapter = s.ScannerAdapter with
                    {
                        Queue = 2,
                        ImageBytes = 1 << 20,
                        LayerCacheBytes = 1024,
                    },
                    Contents = s.Contents with { LayerBytes = 1 << 20 },
                };
            },
            clock);
        client = new AdapterClient(registry);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        await harbor.DisposeAsync();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer of-the-caller")]
    [InlineData("Bearer of-the-callers-")]
    [InlineData("Basic of-the-callers")]
    [InlineData("of-the-callers")]
    public async Task Who_does_not_know_the_secret_gets_nothing(string? secret)
    {
        foreach (var answer in new[]
        {
            await client.MetadataAsync(secret: secret),
            await client.AskAsync(AdapterClient.Request(Harbor, "library/app", Digest), secret: secret),
            await client.ReportAsync("a", secret: secret),
        })
        {
            Assert.Equal((401, AdapterClient.Error), (answer.Status, answer.Type));
            Assert.StartsWith("Bearer ", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            Assert.NotEmpty(answer.Message);
        }

        Assert.Equal(200, (await client.MetadataAsync(secret: "bearer of-the-callers")).Status);
        Assert.Empty(harbor.Asked);
    }

    [Theory]
    [InlineData("{", 400, "no valid JSON")]
    [InlineData("[]", 422, "registry and artifact are required")]
    [InlineData("DEEP", 400, "no valid JSON")]
    [InlineData("""{"registry":1,"artifact":{}}""", 400, "registry must be an object")]
    [InlineData("URL=ftp://HARBOR", 422, "registry.url must be a URL")]
    [InlineData("URL=http://me:secret@HARBOR", 422, "registry.url must be a URL")]
    [InlineData("URL=http://HARBOR/other", 422, "registry.url must be a URL")]
    [InlineData("URL=https://HARBOR", 422, "is not in scanneradapter.registries")]
    [InlineData("URL=http://localhost:1", 422, "is not in scanneradapter.registries")]
    [InlineData("URL=" + Other, 422, "http://other.example.com is not in scanneradapter.registries")]
    [InlineData("REPOSITORY=Library/App", 422, "artifact.repository")]
    [InlineData("REPOSITORY=../../admin", 422, "artifact.repository")]
    [InlineData("DIGEST=latest", 422, "artifact.digest")]
    [InlineData("TYPE=application/vnd.oci.image.index.v1+json", 501, "only manifests of images")]
    [InlineData("AUTHORIZATION=Digest x", 422, "registry.authorization")]
    [InlineData("AUTHORIZATION=Basic %%%", 422, "registry.authorization")]
    [InlineData("CAPABILITIES={}", 400, "enabled_capabilities must be a list")]
    [InlineData("CAPABILITIES=[1]", 400, "enabled_capabilities must be a list")]
    [InlineData("""CAPABILITIES=[{"type":"malware"}]""", 501, "makes no malware")]
    [InlineData("""CAPABILITIES=[{"type":"sbom","produces_mime_types":["text/html"]}]""", 501, "this scanner makes")]
    [InlineData("""CAPABILITIES=[{"type":"sbom","produces_mime_types":1}]""", 400, "must be a list of texts")]
    [InlineData(
        """CAPABILITIES=[{"type":"sbom","parameters":{"sbom_media_types":["text/xml"]}}]""", 422, "sbom_media_types")]
    [InlineData("""CAPABILITIES=[{"type":"vulnerability"}]""", 500, "set vulnerabilities.sources")]
    public async Task A_request_that_cannot_be_done_is_refused(string change, int status, string message)
    {
        var (what, value) = change.IndexOf('=') is var at && at > 0 && char.IsUpper(change[0])
            ? (change[..at], change[(at + 1)..].Replace("HARBOR", harbor.Authority, StringComparison.Ordinal))
            : ("", change);
        var body = what switch
        {
            "URL" => AdapterClient.Request(value, "library/app", Digest, AdapterClient.ForSboms),
            "REPOSITORY" => AdapterClient.Request(Harbor, value, Digest, AdapterClient.ForSboms),
            "DIGEST" => AdapterClient.Request(Harbor, "library/app", value, AdapterClient.ForSboms),
            "TYPE" => AdapterClient.Request(Harbor, "library/app", Digest, AdapterClient.ForSboms, type: value),
            "AUTHORIZATION" => AdapterClient.Request(
                Harbor, "library/app", Digest, AdapterClient.ForSboms, authorization: value),
            "CAPABILITIES" => AdapterClient.Request(Harbor, "library/app", Digest, value),
            _ when value == "DEEP" => new string('[', 1000) + new string(']', 1000),
            _ => value,
        };
        var answer = await client.AskAsync(body);
        Assert.Equal((status, AdapterClient.Error), (answer.Status, answer.Type));
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.Message, StringComparison.Ordinal);
        Assert.Empty(harbor.Asked);
    }

    [Fact]
    public async Task Bodies_of_another_type_or_size_are_refused()
    {
        var body = AdapterClient.Request(Harbor, "library/app", Digest, AdapterClient.ForSboms);
        Assert.Equal(415, (await client.AskAsync(body, "application/json")).Status);
        Assert.Equal(413, (await client.AskAsync(body + new string(' ', 70_000))).Status);
        using var other = await registry.Client.GetAsync("scanner/api/v1/scan", Stop);
        Assert.Equal(405, (int)other.StatusCode);
    }

    [Theory]
    [InlineData("none", "has no library/app@")]
    [InlineData("refused", "does not accept the authorization of the request")]
    [InlineData("lying manifest", "is not what its digest")]
    [InlineData("index", "it is an index")]
    [InlineData("chart", "it is no image")]
    [InlineData("lying layer", "is something else")]
    [InlineData("short layer", "its manifest says")]
    [InlineData("gone layer", "has no layer")]
    [InlineData("large", "at most 1048576 are scanned")]
    [InlineData("bomb", "contents.layerbytes")]
    [InlineData("no archive", "can't be scanned")]
    [InlineData("elsewhere", "which is not in scanneradapter.registries")]
    [InlineData("circle", "in circles")]
    public async Task An_image_that_cannot_be_scanned_says_why(string how, string message)
    {
        await using var elsewhere = await ScriptedRegistry.StartAsync();
        elsewhere.On("/blob", Layer);
        var digest = Spoil(how, elsewhere);
        var answer = await client.ScanAsync(
            AdapterClient.Request(Harbor, "library/app", digest, AdapterClient.ForSboms), AdapterClient.Sbom, Query);
        Assert.Equal((500, AdapterClient.Error), (answer.Status, answer.Type));
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Asked);
        Assert.DoesNotContain(registry.Log, line => line.Contains("of-the-registry", StringComparison.Ordinal));
    }

    private string Spoil(string how, ScriptedRegistry elsewhere)
    {
        if (how == "none") return Digest;
        var layer = how switch
        {
            "bomb" => RawTar.Gzip(new RawTar().File("zeros", new string('\0', 2 << 20)).End()),
            "no archive" => RawTar.Gzip(Encoding.UTF8.GetBytes(new string('x', 5000))),
            _ => Layer,
        };
        int? size = how switch
        {
            "short layer" => layer.Length + 9,
            "large" => 2 << 20,
            _ => null,
        };
        var image = harbor.AddImage("library/app", "1", layer, size);
        var (manifest, blob) = ($"/v2/library/app/manifests/{image.Digest}", $"/v2/library/app/blobs/{image.Layer}");
        switch (how)
        {
            case "refused":
                harbor.On(manifest, http => FailAsync(http, 401));
                break;
            case "lying manifest":
                harbor.On(manifest, "{}"u8.ToArray(), "application/vnd.oci.image.manifest.v1+json");
                break;
            case "index":
                return Add("""{"schemaVersion":2,"manifests":[]}""", "application/vnd.oci.image.index.v1+json");
            case "chart":
                return Add(
                    """{"schemaVersion":2,"config":CONFIG,"layers":[]}""".Replace(
                        "CONFIG", ContentImages.Describe("application/vnd.cncf.helm.config.v1+json", "{}"u8.ToArray()),
                        StringComparison.Ordinal),
                    "application/vnd.oci.image.manifest.v1+json");
            case "lying layer":
                var lie = layer.ToArray();
                lie[9] ^= 1;
                harbor.On(blob, lie);
                break;
            case "gone layer":
                harbor.On(blob, http => FailAsync(http, 404));
                break;
            case "elsewhere":
                harbor.On(blob, http => FailAsync(http, 307, $"http://{elsewhere.Authority}/blob"));
                break;
            case "circle":
                harbor.On(blob, http => FailAsync(http, 307, blob));
                break;
        }

        return image.Digest;

        string Add(string body, string type)
        {
            harbor.AddManifest("library/app", "2", Encoding.UTF8.GetBytes(body), type);
            return ContentImages.DigestOf(Encoding.UTF8.GetBytes(body));
        }
    }

    [Fact]
    public async Task Reports_end_and_what_is_no_report_is_told_apart()
    {
        var image = harbor.AddImage("library/app", "1", Layer);
        var id = await client.BeginAsync(
            AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms));
        Assert.Equal(200, (await client.EndAsync(id, AdapterClient.Sbom, Query)).Status);
        Assert.Equal(200, (await client.ReportAsync(id, AdapterClient.Sbom + ";q=1", Query)).Status);
        Assert.Equal(400, (await client.ReportAsync(id, AdapterClient.Sbom)).Status);
        Assert.Equal(400, (await client.ReportAsync(id, AdapterClient.Sbom, "?sbom_media_type=text/xml")).Status);
        Assert.Equal(501, (await client.ReportAsync(id, "application/vnd.scanner.adapter.vuln.report.raw")).Status);
        Assert.Equal(404, (await client.ReportAsync(id)).Status);
        foreach (var other in new[] { "0", new string('f', 32), "..%2f..", new string('f', 5000), id + "0" })
            Assert.Equal(404, (await client.ReportAsync(other)).Status);
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(200, (await client.ReportAsync(id, AdapterClient.Sbom, Query)).Status);
        clock.Advance(TimeSpan.FromMinutes(2));
        var over = await client.ReportAsync(id, AdapterClient.Sbom, Query);
        Assert.Equal((404, "there is no such scan, or its time is over: scan again"), (over.Status, over.Message));
    }

    /// <summary>Only the node that was asked has what the image is pulled with.</summary>
    [Fact]
    public async Task A_scan_whose_server_stops_or_dies_has_failed_and_too_many_wait_not_at_all()
    {
        var image = harbor.AddImage("library/app", "1", Layer);
        var hold = new TaskCompletionSource();
        harbor.Before = async http =>
        {
            await hold.Task.WaitAsync(http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        var request = AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms);
        var (first, second) = (await client.BeginAsync(request), await client.BeginAsync(request));
        var third = await client.AskAsync(request);
        Assert.Equal((429, "60"), (third.Status, third.Headers.GetValues("Retry-After").Single()));
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("UPDATE adapter_scan SET held_until = 1 WHERE id = $1", first), false, Stop);
        await FailedAsync(first);
        Assert.Equal(302, (await client.ReportAsync(second, AdapterClient.Sbom, Query)).Status);
        await registry.RestartAsync();
        client = new AdapterClient(registry);
        await FailedAsync(first);
        await FailedAsync(second);
        hold.SetResult();
        Assert.Equal(200, (await client.ScanAsync(request, AdapterClient.Sbom, Query)).Status);

        async Task FailedAsync(string id)
        {
            var answer = await client.ReportAsync(id, AdapterClient.Sbom, Query);
            Assert.Equal((500, "the server that scanned it has stopped: scan again"), (answer.Status, answer.Message));
        }
    }

    [Fact]
    public async Task A_scan_that_takes_too_long_is_given_up()
    {
        var image = harbor.AddImage("library/app", "1", Layer);
        var asked = new TaskCompletionSource();
        harbor.Before = async http =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.Infinite, http.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return false;
        };
        var id = await client.BeginAsync(
            AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms));
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        clock.Advance(TimeSpan.FromMinutes(31));

        // Its lease is over too, until its node has noted how it ended.
        await Eventually.TrueAsync(async () =>
            await client.ReportAsync(id, AdapterClient.Sbom, Query) is { Status: 500 } answer
            && answer.Message.Contains("longer than 30m", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_known_of_layers_takes_no_more_than_the_limit()
    {
        var sweep = registry.Services.GetServices<Job>().Single(job => job.Kind == SweepScansJob.Name);
        for (var i = 0; i < 8; i++)
        {
            var layer = RawTar.Gzip(new RawTar().File("etc/hostname", $"{i}").End());
            var image = harbor.AddImage("library/app", "1", layer);
            var request = AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms);
            Assert.Equal(200, (await client.ScanAsync(request, AdapterClient.Sbom, Query)).Status);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        await sweep.RunAsync("", Stop);
        var size = await registry.Services.GetRequiredService<Database>().ReadAsync(AdapterLayerTable.SizeAsync, Stop);
        Assert.InRange(size, 0, 1024);
    }

    [Fact]
    public async Task Unless_it_is_turned_on_there_is_no_scanner()
    {
        await using var other = await RegistryFixture.StartAsync();
        Assert.Equal(404, (await new AdapterClient(other).MetadataAsync()).Status);
    }

    /// <summary>The secret may be in a file, which may change.</summary>
    [Fact]
    public async Task The_secret_may_be_in_a_file()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "Basic bWU6eA==\n", Stop);
        await using var other = await RegistryFixture.StartAsync(s => s with
        {
            ScannerAdapter = new ScannerAdapterSettings
            {
                Enabled = true,
                AuthorizationFile = file,
                Registries = [Other],
            },
        });
        var asking = new AdapterClient(other);
        Assert.Equal(200, (await asking.MetadataAsync(secret: "Basic bWU6eA==")).Status);
        await File.WriteAllTextAsync(file, "Bearer new", Stop);
        Assert.Equal(401, (await asking.MetadataAsync(secret: "Basic bWU6eA==")).Status);
        Assert.Equal(200, (await asking.MetadataAsync(secret: "Bearer new")).Status);
        await File.WriteAllTextAsync(file, "\n", Stop);
        Assert.Equal(401, (await asking.MetadataAsync(secret: "")).Status);
        File.Delete(file);
        Assert.Equal(500, (await asking.MetadataAsync(secret: "Bearer new")).Status);
    }

    private static Task FailAsync(HttpContext http, int status, string? location = null)
    {
        http.Response.StatusCode = status;
        if (location is not null) http.Response.Headers.Location = location;
        return Task.CompletedTask;
    }
}
