using System.Text.Json;
using Berth.Access;
using Berth.Jobs;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Identity;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Scanners;

/// <summary>Other scanners look into images that were pushed.</summary>
[Inside]
public sealed class ScannerTests : IAsyncLifetime
{
    private ScannedRegistry scanned = null!;

    private TestAdapter Adapter => scanned.Adapter;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => scanned = await ScannedRegistry.StartAsync();

    public ValueTask DisposeAsync() => scanned.DisposeAsync();

    [Fact]
    public async Task An_image_that_was_pushed_is_scanned_and_its_report_kept()
    {
        var digest = await scanned.PushAsync("team/app", "1");
        var waiting = await scanned.SeeAsync("team/app", "1");
        Assert.Equal("waiting", waiting.Of("state"));
        Assert.False(waiting.TryGetProperty("counts", out _));
        await scanned.RunAsync();

        var asked = Assert.Single(Adapter.Asked);
        Assert.Equal("https://registry.example.com", asked.GetProperty("registry").Of("url"));
        Assert.StartsWith("Bearer ", asked.GetProperty("registry").Of("authorization"));
        Assert.Equal(
            ("team/app", digest, "application/vnd.oci.image.manifest.v1+json"),
            (asked.GetProperty("artifact").Of("repository"), asked.GetProperty("artifact").Of("digest"),
                asked.GetProperty("artifact").Of("mime_type")));
        Assert.Equal("vulnerability", asked.GetProperty("enabled_capabilities")[0].Of("type"));
        Assert.All(Adapter.Credentials, sent => Assert.Equal("Bearer of-the-adapter", sent));

        var seen = await scanned.SeeAsync("team/app", "1");
        Assert.Equal(
            ("known", "Trivy", "Aqua Security", "0.50"),
            (seen.Of("state"), seen.Of("scanner"), seen.Of("vendor"), seen.Of("version")));
        var counts = seen.GetProperty("counts");
        Assert.Equal(
            ("1", "0", "1", "1", "2"),
            (counts.Of("critical"), counts.Of("high"), counts.Of("low"), counts.Of("fixable"), counts.Of("findings")));
        Assert.False(seen.TryGetProperty("fault", out _));
        Assert.Equal(
            [
                "critical CVE-1 openssl 3.0.9 -> 3.0.11 9.8 https://example.com/1",
                "low CVE-2 zlib 1 ->   https://example.com/2",
            ],
            LinesOf(await scanned.FindAsync("team/app", "1")));

        // Nothing is due for a day.
        await scanned.RunAsync();
        Assert.Single(Adapter.Asked);
        Assert.Equal(
            (long)TimeSpan.FromDays(1).TotalMilliseconds,
            await scanned.NumberAsync("SELECT due_at - scanned_at FROM scanner_report"));
        await scanned.HastenAsync();
        Adapter.Found = "";
        await scanned.RunAsync();
        Assert.Empty(LinesOf(await scanned.FindAsync("team/app", "1")));
        Assert.Equal("0", (await scanned.SeeAsync("team/app", "1")).GetProperty("counts").Of("findings"));
    }

    [Fact]
    public async Task Findings_are_filtered_and_come_in_pages()
    {
        await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Assert.Equal("CVE-1", await NamesAsync("&severity=high"));
        Assert.Equal("CVE-2", await NamesAsync("&fixable=false"));
        Assert.Equal("CVE-1", await NamesAsync("&q=SSL"));
        Assert.Equal("CVE-1", await NamesAsync("&n=1"));
        Assert.Equal("CVE-2", await NamesAsync("&n=1&last=0"));
        await scanned.Images.AskAsync("1/scanners/trivy?repository=team/app&severity=bad", 400);
        await scanned.Images.AskAsync("1/scanners/trivy?repository=team/app&last=x", 400);
        Assert.Equal("", await NamesAsync("&last=77"));
        await scanned.Images.AskAsync("1/scanners/other?repository=team/app", 404);
        await scanned.Images.AskAsync("2/scanners?repository=team/app", 404);

        async Task<string> NamesAsync(string query) => string.Join(' ',
            (await scanned.FindAsync("team/app", "1", query)).GetProperty("items").EnumerateArray()
                .Select(one => one.Of("name")));
    }

    [Fact]
    public async Task A_scanner_can_pull_the_repository_of_the_image_and_do_nothing_else()
    {
        await scanned.PushAsync("team/other", "1");
        var digest = await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Assert.Equal("team/app", Adapter.Asked.Last().GetProperty("artifact").Of("repository"));
        var manifest = await scanned.Images.AskAsync("1/manifest?repository=team/app");
        var blob = manifest.GetProperty("layers")[0].Of("digest");
        Assert.Equal(200, await scanned.AskAsScannerAsync("GET", $"/v2/team/app/manifests/{digest}"));
        Assert.Equal(200, await scanned.AskAsScannerAsync("GET", $"/v2/team/app/blobs/{blob}"));
        await scanned.Registry.Services.GetRequiredService<PullTimes>().WriteAsync(Stop);
        Assert.Equal(0, await scanned.NumberAsync("SELECT count(*) FROM pull_day"));
        foreach (var (method, path) in new[]
        {
            ("GET", "/v2/team/other/manifests/1"), ("GET", "/v2/team/other/tags/list"),
            ("POST", "/v2/team/app/blobs/uploads/"), ("POST", "/v2/team/new/blobs/uploads/"),
            ("PUT", "/v2/team/app/manifests/2"), ("DELETE", $"/v2/team/app/manifests/{digest}"),
            ("GET", "/api/v1/images/1?repository=team/other"), ("GET", "/api/v1/users"), ("GET", "/api/v1/scanners"),
            ("DELETE", "/api/v1/tags/1?repository=team/app"), ("GET", "/api/v1/me/tokens"),
        })
        {
            Assert.InRange(await scanned.AskAsScannerAsync(method, path, method is "PUT" ? [] : null), 401, 404);
        }
    }

    /// <summary>An access token ends after five minutes, and a scan may take half an hour.</summary>
    [Fact]
    public async Task The_token_of_a_scanner_lasts_as_long_as_its_scan_may()
    {
        var clock = new SteppingClock();
        await using var registry = await AccountsOf.StartAsync(clock: clock);
        await new ContentImages(registry).PushAsync("team/app", "1", [1]);
        var tokens = registry.Services.GetRequiredService<AccessTokens>();
        var token = await tokens.IssueToScannerAsync(
            "trivy", new AccessScope("repository", "team/app", AccessAction.Pull), TimeSpan.FromMinutes(31), Stop);
        Assert.Equal(200, await PullAsync());
        clock.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal(200, await PullAsync());
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(401, await PullAsync());

        async Task<int> PullAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v2/team/app/manifests/1");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
            using var answer = await registry.Client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }

    /// <summary>This registry then signs tokens for scanners, and for nobody else.</summary>
    [Fact]
    public async Task Where_another_server_signs_tokens_a_scanner_gets_in_all_the_same()
    {
        using var server = new TokenServerFiles();
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Auth = new AuthSettings { Token = server.Settings } });
        var tokens = registry.Services.GetRequiredService<AccessTokens>();
        var scope = new AccessScope("repository", "team/app", AccessAction.Pull);
        Assert.Equal(200, await SignInAsync(await tokens.IssueToScannerAsync(
            "trivy", scope, TimeSpan.FromMinutes(31), Stop)));
        Assert.Equal(401, await SignInAsync((await tokens.IssueAsync(
            Caller.WithPassword("ann"), tokens.Service, [scope], TimeProvider.System.GetUtcNow(), Stop)).Text));

        async Task<int> SignInAsync(string token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v2/");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
            using var answer = await registry.Client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task Images_are_scanned_again_when_the_scanner_or_its_data_changed()
    {
        await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Adapter.DataTime = "2026-02-01T00:00:00Z";
        await scanned.RunAsync();
        Assert.Equal(2, Adapter.Asked.Count);
        Adapter.Version = "0.51";
        await scanned.RunAsync();
        Assert.Equal(3, Adapter.Asked.Count);
        Assert.Equal("0.51", (await scanned.SeeAsync("team/app", "1")).Of("version"));
        var status = await scanned.StatusAsync();
        Assert.Equal(
            ("trivy", Adapter.Url, "Trivy", "0.51", "2026-02-01T00:00:00+00:00"),
            (status.Of("name"), status.Of("url"), status.Of("scanner"), status.Of("version"),
                status.Of("dataUpdatedAt")));
        Assert.DoesNotContain("of-the-adapter", status.GetRawText());
        await scanned.RunAsync();
        Assert.Equal(3, Adapter.Asked.Count);
    }

    [Fact]
    public async Task A_scan_that_was_begun_is_gone_on_with()
    {
        await scanned.PushAsync("team/app", "1");
        Adapter.Unready = 0;
        await scanned.RunAsync();
        await scanned.WriteAsync("UPDATE scanner_report SET state = 'running', request = 'scan/1', due_at = 0, "
            + "begun_at = scanned_at");
        Adapter.Found = "";
        await scanned.RunAsync();
        Assert.Single(Adapter.Asked);
        Assert.Equal("0", (await scanned.SeeAsync("team/app", "1")).GetProperty("counts").Of("findings"));
    }

    [Fact]
    public async Task Reports_go_with_their_image()
    {
        var digest = await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Assert.Equal(2, await scanned.NumberAsync("SELECT count(*) FROM scanner_finding"));
        using var gone = await scanned.Images.SendAsync("DELETE", $"/v2/team/app/manifests/{digest}", null, null, 202);
        await Eventually.TrueAsync(async () =>
        {
            await scanned.WriteAsync("UPDATE trash SET purge_at = 0");
            foreach (var job in scanned.Registry.Services.GetServices<Job>().Where(one => one.Kind == "purge-trash"))
                await job.RunAsync("", Stop);
            return await scanned.NumberAsync("SELECT count(*) FROM scanner_report") == 0;
        });
        Assert.Equal(0, await scanned.NumberAsync("SELECT count(*) FROM scanner_finding"));
    }

    [Fact]
    public async Task A_scanner_is_not_asked_about_what_it_does_not_scan()
    {
        Adapter.Consumes = "\"application/vnd.docker.distribution.manifest.v2+json\"";
        await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Assert.Empty(Adapter.Asked);
        var seen = await scanned.SeeAsync("team/app", "1");
        Assert.Equal(
            ("fault", "it scans no application/vnd.oci.image.manifest.v1+json"), (seen.Of("state"), seen.Of("fault")));
    }

    [Fact]
    public async Task Reports_of_scanners_that_are_not_set_any_more_are_forgotten()
    {
        await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        await scanned.WriteAsync("UPDATE scanner_report SET scanner = 'old'");
        await scanned.WriteAsync("UPDATE scanner SET name = 'old'");
        Assert.Equal("waiting", (await scanned.SeeAsync("team/app", "1")).Of("state"));

        // A node whose settings are older asks it still.
        await SweepAsync();
        Assert.Equal(1, await scanned.NumberAsync("SELECT count(*) FROM scanner_report WHERE scanner = 'old'"));
        await scanned.WriteAsync("UPDATE scanner SET asked_at = asked_at - 90000000 WHERE name = 'old'");
        await SweepAsync();
        Assert.Equal(0, await scanned.NumberAsync("SELECT count(*) FROM scanner_report WHERE scanner = 'old'"));
        Assert.Equal("known", (await scanned.SeeAsync("team/app", "1")).Of("state"));

        async Task SweepAsync()
        {
            foreach (var job in scanned.Registry.Services.GetServices<Job>().OfType<Berth.Scanners.CallScannersJob>())
                job.Forget();
            await scanned.RunAsync();
        }
    }

    private static List<string> LinesOf(JsonElement found) => [.. found.GetProperty("items").EnumerateArray()
        .Select(one => $"{one.Of("severity")} {one.Of("name")} {one.Of("package")} {one.Of("version")} -> "
            + $"{one.Of("fixedIn")} {(one.TryGetProperty("score", out var score) ? score.ToString() : "")} "
            + string.Join(' ', one.GetProperty("links").EnumerateArray()))];
}
