using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.HarborAdapter;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Tests.Contents;
using Berth.Tests.Import;
using Berth.Tests.Lifecycle;
using Berth.Tests.Scanning;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.HarborAdapter;

/// <summary>A registry answers Harbor's scanner API, version 1.2.</summary>
[Inside]
public sealed class HarborAdapterTests : IAsyncLifetime
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";

    private static readonly JsonSerializerOptions Relaxed = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly byte[] Base = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n")
        .End());

    private KnownVulnerabilities known = null!;
    private ScriptedRegistry harbor = null!;

    /// <summary>Where it may send clients for blobs.</summary>
    private ScriptedRegistry bucket = null!;

    private AdapterClient client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Harbor => "http://" + harbor.Authority;

    public async ValueTask InitializeAsync()
    {
        harbor = await ScriptedRegistry.StartAsync();
        bucket = await ScriptedRegistry.StartAsync();
        known = await StartAsync(settings: s => AdapterClient.On(s, Harbor, "http://" + bucket.Authority));
        client = new AdapterClient(known.Registry);
    }

    public async ValueTask DisposeAsync()
    {
        await known.DisposeAsync();
        await harbor.DisposeAsync();
        await bucket.DisposeAsync();
    }

    [Fact]
    public async Task Its_metadata_says_what_it_can_do_and_how_old_its_data_is()
    {
        var before = await client.MetadataAsync();
        Assert.Equal(
            (200, "application/vnd.scanner.adapter.metadata+json; version=1.1"), (before.Status, before.Type));
        Assert.False(before.Json.GetProperty("properties").TryGetProperty(
            "harbor.scanner-adapter/vulnerability-database-updated-at", out _));
        await known.TellAsync(Record("GHSA-aaaa", "npm", "left-pad", null));

        // Harbor asks for the older version.
        var answer = await client.MetadataAsync("application/vnd.scanner.adapter.metadata+json; version=1.0");
        Assert.Equal(
            (200, "application/vnd.scanner.adapter.metadata+json; version=1.0"), (answer.Status, answer.Type));
        var metadata = answer.Json;
        Assert.Equal(("Berth", "Berth"),
            (metadata.GetProperty("scanner").Of("name"), metadata.GetProperty("scanner").Of("vendor")));
        var (first, second) = (metadata.GetProperty("capabilities")[0], metadata.GetProperty("capabilities")[1]);
        foreach (var one in new[] { first, second })
        {
            Assert.Equal(
                $"""["{Manifest}","application/vnd.docker.distribution.manifest.v2+json"]""",
                Compact(one.GetProperty("consumes_mime_types")));
        }

        Assert.Equal(
            ("vulnerability", $"""["{AdapterClient.Report}","{AdapterClient.OldReport}"]"""),
            (first.Of("type"), Compact(first.GetProperty("produces_mime_types"))));
        Assert.Equal(
            ("sbom", $"""["{AdapterClient.Sbom}"]"""),
            (second.Of("type"), Compact(second.GetProperty("produces_mime_types"))));
        Assert.Equal(
            """["application/spdx+json","application/vnd.cyclonedx+json"]""",
            Compact(second.GetProperty("additional_attributes").GetProperty("sbom_media_types")));
        var properties = metadata.GetProperty("properties");
        Assert.Equal("os-package-vulnerability", properties.Of("harbor.scanner-adapter/scanner-type"));
        Assert.Equal("Basic", properties.Of("harbor.scanner-adapter/registry-authorization-type"));
        Assert.InRange(
            properties.GetProperty("harbor.scanner-adapter/vulnerability-database-updated-at").GetDateTimeOffset(),
            TimeProvider.System.GetUtcNow() - TimeSpan.FromMinutes(5), TimeProvider.System.GetUtcNow());
        Assert.Equal(406, (await client.MetadataAsync("text/html")).Status);
    }

    [Fact]
    public async Task An_image_is_scanned_and_its_report_kept()
    {
        await known.TellAsync(
            Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "MEDIUM", "CVE-2023-1").Replace(
                "\"summary\"", "\"severity\":[{\"type\":\"CVSS_V3\",\"score\":"
                + "\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}],\"summary\"", StringComparison.Ordinal),
            Record("DEBIAN-CVE-2023-2", "Debian:12", "openssl", null, "NONE", "CVE-2023-2"));
        var image = harbor.AddImage("library/app", "1", Base);
        var (hold, asked) = (new TaskCompletionSource(), new TaskCompletionSource());
        harbor.Before = async _ =>
        {
            asked.TrySetResult();
            await hold.Task;
            return true;
        };
        var id = await client.BeginAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        var waiting = await client.ReportAsync(id);
        Assert.Equal(302, waiting.Status);
        Assert.Equal($"/scanner/api/v1/scan/{id}/report", waiting.Headers.Location!.OriginalString);
        Assert.InRange(int.Parse(waiting.Headers.GetValues("Refresh-After").Single(), null), 1, 127);
        hold.SetResult();

        var answer = await client.EndAsync(id);
        Assert.Equal((200, AdapterClient.Report), (answer.Status, answer.Type));
        var report = answer.Json;
        Assert.Equal("Critical", report.Of("severity"));
        Assert.Equal(
            ("library/app", image.Digest, "1"),
            (report.GetProperty("artifact").Of("repository"), report.GetProperty("artifact").Of("digest"),
                report.GetProperty("artifact").Of("tag")));
        Assert.Equal("Berth", report.GetProperty("scanner").Of("name"));
        Assert.Equal(2, report.GetProperty("vulnerabilities").GetArrayLength());
        var worst = report.GetProperty("vulnerabilities")[0];
        Assert.Equal(
            ("CVE-2023-1", "libssl3", "3.0.9-1", "3.0.11-1"),
            (worst.Of("id"), worst.Of("package"), worst.Of("version"), worst.Of("fix_version")));
        Assert.Equal(
            """{"score_v3":9.8,"vector_v3":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}""",
            Compact(worst.GetProperty("preferred_cvss")));
        Assert.Equal(
            9.8, worst.GetProperty("vendor_attributes").GetProperty("CVSS").GetProperty("osv")
                .GetProperty("V3Score").GetDouble());
        Assert.Equal("About openssl", worst.Of("description"));
        Assert.Equal(
            """["https://nvd.nist.gov/vuln/detail/CVE-2023-1","https://osv.dev/vulnerability/DEBIAN-CVE-2023-1"]""",
            Compact(worst.GetProperty("links")));
        Assert.Equal("Negligible", report.GetProperty("vulnerabilities")[1].Of("severity"));

        // Both kinds of reports have the same form.
        var old = await client.ReportAsync(id, AdapterClient.OldReport);
        Assert.Equal((200, AdapterClient.OldReport, answer.Body), (old.Status, old.Type, old.Body));
        Assert.All(harbor.Asked, one => Assert.Equal("Bearer of-the-registry", one.Credentials));
    }

    [Fact]
    public async Task Bills_of_materials_are_made_in_the_formats_that_are_asked_for()
    {
        var image = harbor.AddImage("library/app", "1", Base);
        var request = AdapterClient.Request(Harbor, "library/app", image.Digest, """
            [{"type":"sbom","produces_mime_types":["application/vnd.security.sbom.report+json; version=1.0"],
            "parameters":{"sbom_media_types":["application/spdx+json"]}}]
            """);
        var id = await client.BeginAsync(request);
        var spdx = await client.EndAsync(id, AdapterClient.Sbom, "?sbom_media_type=application/spdx%2Bjson");
        Assert.Equal((200, AdapterClient.Sbom), (spdx.Status, spdx.Type));
        Assert.Equal("application/spdx+json", spdx.Json.Of("media_type"));
        Assert.Equal("SPDX-2.3", spdx.Json.GetProperty("sbom").Of("spdxVersion"));
        Assert.Contains("libssl3", spdx.Body, StringComparison.Ordinal);
        Assert.Equal(image.Digest, spdx.Json.GetProperty("artifact").Of("digest"));

        // What was not asked for is not there.
        var other = await client.ReportAsync(
            id, AdapterClient.Sbom, "?sbom_media_type=application/vnd.cyclonedx%2Bjson");
        Assert.Equal((404, AdapterClient.Error), (other.Status, other.Type));
        Assert.Equal(404, (await client.ReportAsync(id)).Status);

        // Without a word on formats, there are both.
        var cyclone = await client.ScanAsync(
            AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms), AdapterClient.Sbom,
            "?sbom_media_type=application/vnd.cyclonedx%2Bjson");
        Assert.Equal("1.6", cyclone.Json.GetProperty("sbom").Of("specVersion"));
    }

    [Fact]
    public async Task A_layer_is_pulled_once_and_those_who_may_not_have_it_learn_nothing_of_it()
    {
        var image = harbor.AddImage("library/app", "1", Base);
        var other = harbor.AddImage("library/other", "1", Base);
        const string Query = "?sbom_media_type=application/spdx%2Bjson";
        await SbomAsync("library/app", image.Digest, 200);
        await SbomAsync("library/other", other.Digest, 200);
        var blob = harbor.Asked.Where(one => one.Path.EndsWith(image.Layer, StringComparison.Ordinal)).ToList();
        Assert.Equal(
            [("GET", $"/v2/library/app/blobs/{image.Layer}"), ("HEAD", $"/v2/library/other/blobs/{image.Layer}")],
            blob.Select(one => (one.Method, one.Path)));
        harbor.AddImage("library/thief", "1", Base);
        harbor.On($"/v2/library/thief/blobs/{image.Layer}", http =>
        {
            http.Response.StatusCode = 403;
            return Task.CompletedTask;
        });
        var refused = await SbomAsync("library/thief", image.Digest, 500);
        Assert.Contains("answers 403", refused.Message, StringComparison.Ordinal);

        // What nobody has had scanned for a while is forgotten, and so are scans.
        var database = known.Registry.Services.GetRequiredService<Database>();
        Assert.Equal(1, await CountAsync("adapter_layer"));
        await database.WriteAsync(
            session => session.RunAsync("UPDATE adapter_layer SET seen_at = seen_at - 2678400000"), false, Stop);
        await database.WriteAsync(session => session.RunAsync("UPDATE adapter_scan SET ends_at = 1"), false, Stop);
        await known.Registry.Services.GetServices<Job>().Single(job => job.Kind == SweepScansJob.Name)
            .RunAsync("", Stop);
        Assert.Equal(0, await CountAsync("adapter_layer"));
        Assert.Equal(0, await CountAsync("adapter_scan"));
        Assert.Equal(0, await CountAsync("adapter_report"));

        async Task<AdapterAnswer> SbomAsync(string repository, string digest, int status)
        {
            var answer = await client.ScanAsync(
                AdapterClient.Request(Harbor, repository, digest, AdapterClient.ForSboms), AdapterClient.Sbom, Query);
            Assert.True(answer.Status == status, answer.Body);
            return answer;
        }

        async Task<long?> CountAsync(string table) => await database.ReadAsync(
            session => session.NumberAsync($"SELECT count(*) FROM {table}"), Stop);
    }

    /// <summary>A registry may say of any digest that it has it.</summary>
    [Fact]
    public async Task Of_the_layers_of_one_registry_another_learns_nothing()
    {
        const string Query = "?sbom_media_type=application/spdx%2Bjson";
        var image = harbor.AddImage("library/app", "1", Base);
        var good = await client.ScanAsync(
            AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms), AdapterClient.Sbom,
            Query);
        Assert.True(good.Status == 200, good.Body);
        var theirs = bucket.AddImage("library/app", "1", Base);
        bucket.On($"/v2/library/app/blobs/{theirs.Layer}", new byte[Base.Length]);
        var answer = await client.ScanAsync(
            AdapterClient.Request(
                "http://" + bucket.Authority, "library/app", theirs.Digest, AdapterClient.ForSboms),
            AdapterClient.Sbom, Query);
        Assert.True(answer.Status == 500, answer.Body);
        Assert.Contains("is something else", answer.Message, StringComparison.Ordinal);
    }

    /// <summary>It has no place to say anything else.</summary>
    [Fact]
    public async Task A_request_of_version_1_0_is_for_vulnerabilities_alone()
    {
        await known.TellAsync(Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1"));
        var image = harbor.AddImage("library/app", "1", Base);
        var asked = await client.AskAsync(
            AdapterClient.Request(Harbor, "library/app", image.Digest, "null"),
            "application/vnd.scanner.adapter.scan.request+json; version=1.0");
        Assert.True(asked.Status == 202, asked.Body);
        var id = asked.Json.Of("id");
        Assert.Equal(200, (await client.EndAsync(id, AdapterClient.OldReport)).Status);
        foreach (var format in new[] { "spdx", "vnd.cyclonedx" })
        {
            var other = await client.ReportAsync(
                id, AdapterClient.Sbom, $"?sbom_media_type=application/{format}%2Bjson");
            Assert.Equal(404, other.Status);
        }
    }

    [Fact]
    public async Task Blobs_come_from_where_the_registry_sends_clients_without_what_is_for_it_alone()
    {
        var image = harbor.AddImage("library/app", "1", Base);
        bucket.On("/stored", Base);
        harbor.On($"/v2/library/app/blobs/{image.Layer}", http =>
        {
            http.Response.StatusCode = 307;
            http.Response.Headers.Location = $"http://{bucket.Authority}/stored?signature=x";
            return Task.CompletedTask;
        });
        var answer = await client.ScanAsync(
            AdapterClient.Request(Harbor, "library/app", image.Digest, AdapterClient.ForSboms), AdapterClient.Sbom,
            "?sbom_media_type=application/spdx%2Bjson");
        Assert.True(answer.Status == 200, answer.Body);
        Assert.Equal(("GET", "/stored?signature=x", ""), Assert.Single(bucket.Asked));
    }

    [Fact]
    public async Task What_VEX_rules_out_is_left_out()
    {
        await File.WriteAllTextAsync(
            Path.Combine(known.Source, "vex.json"),
            """
            {"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://acme.example/vex","author":"Acme",
            "timestamp":"2024-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2023-1"},
            "products":[{"@id":"pkg:deb/debian/libssl3"}],"status":"not_affected",
            "justification":"vulnerable_code_not_present"}]}
            """,
            Stop);
        await known.TellAsync(
            Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", cve: "CVE-2023-1"),
            Record("DEBIAN-CVE-2023-2", "Debian:12", "openssl", "3.0.11-1", cve: "CVE-2023-2"));
        var image = harbor.AddImage("library/app", "1", Base);
        var answer = await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        var found = Assert.Single(answer.Json.GetProperty("vulnerabilities").EnumerateArray());
        Assert.Equal("CVE-2023-2", found.Of("id"));
    }

    /// <summary>To have no data about a distribution is not to know that it has no vulnerabilities.</summary>
    [Fact]
    public async Task Where_there_is_no_data_a_scan_fails_and_says_so()
    {
        var image = harbor.AddImage("library/app", "1", Base);
        var none = await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        Assert.Equal((500, AdapterClient.Error), (none.Status, none.Type));
        Assert.Contains("no data about vulnerabilities", none.Message, StringComparison.Ordinal);
        await known.TellAsync(Record("GHSA-aaaa", "npm", "left-pad", null));
        var other = await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        Assert.Equal(500, other.Status);
        Assert.Contains("no data about packages of Debian:12", other.Message, StringComparison.Ordinal);
        await known.TellAsync(Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1"));
        Assert.Equal(200, (await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest))).Status);
    }

    /// <summary>Harbor gives the name and the secret of a robot, and the registry may want a token.</summary>
    [Fact]
    public async Task Tokens_come_from_where_the_registry_says_if_that_is_in_the_list()
    {
        await using var elsewhere = await ScriptedRegistry.StartAsync();
        var realm = Harbor;
        harbor.Before = async http =>
        {
            var hasToken = http.Request.Headers.Authorization == "Bearer good";
            if (!http.Request.Path.StartsWithSegments("/v2") || hasToken) return true;
            http.Response.StatusCode = 401;
            http.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{realm}/token\",service=\"harbor\"";
            await http.Response.CompleteAsync();
            return false;
        };
        harbor.On("/token", """{"token":"good"}""");
        elsewhere.On("/token", """{"token":"good"}""");
        var image = harbor.AddImage("library/app", "1", Base);
        var request = AdapterClient.Request(
            Harbor, "library/app", image.Digest, AdapterClient.ForSboms, "Basic cm9ib3Q6c2VjcmV0");
        const string Query = "?sbom_media_type=application/spdx%2Bjson";
        var good = await client.ScanAsync(request, AdapterClient.Sbom, Query);
        Assert.True(good.Status == 200, good.Body);
        Assert.Contains(harbor.Asked, one => one.Path.StartsWith("/token?", StringComparison.Ordinal)
            && one.Credentials == "Basic cm9ib3Q6c2VjcmV0");
        realm = "http://" + elsewhere.Authority;
        var bad = await client.ScanAsync(request, AdapterClient.Sbom, Query);
        Assert.Equal(500, bad.Status);
        Assert.Contains("which is not in scanneradapter.registries", bad.Message, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Asked);
    }

    private static string Compact(JsonElement json) => JsonSerializer.Serialize(json, Relaxed);
}
