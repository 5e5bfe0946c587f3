using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Scanners;

/// <summary>Scanners that hang, cut off, lie or answer nonsense are told of, and what was known stays.</summary>
[Inside]
[Slow]
public sealed class BadScannerTests
{
    private const string ReportType = "application/vnd.security.vulnerability.report; version=1.1";

    private static readonly Dictionary<string, Func<TestAdapter, HttpContext, Task<bool>>> Bad = new()
    {
        ["hangs"] = async (_, http) =>
        {
            if (!TestAdapter.IsOfReport(http)) return false;
            await Task.Delay(Timeout.Infinite, http.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        },
        ["drips"] = async (_, http) =>
        {
            if (!TestAdapter.IsOfReport(http)) return false;
            await http.Response.WriteAsync("{", http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await Task.Delay(Timeout.Infinite, http.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        },
        ["cuts off"] = async (adapter, http) =>
        {
            if (!TestAdapter.IsOfReport(http)) return false;
            var body = Encoding.UTF8.GetBytes(adapter.Report());
            http.Response.ContentLength = body.Length;
            await http.Response.Body.WriteAsync(body.AsMemory(0, body.Length / 2));
            await http.Response.Body.FlushAsync();
            http.Abort();
            return true;
        },
        ["lies"] = (adapter, http) => ReportAsync(http, adapter.Report("sha256:" + new string('a', 64))),
        ["is no JSON"] = (_, http) => ReportAsync(http, "<html>Sign in, please</html>"),
        ["goes on"] = (adapter, http) => ReportAsync(http, adapter.Report() + "{}"),
        ["breaks off"] = (adapter, http) => ReportAsync(http, adapter.Report()[..^9]),
        ["is no report"] = (_, http) => ReportAsync(http, "{}"),
        ["is no list"] = (_, http) => ReportAsync(http, """{"vulnerabilities":{} }"""),
        ["has no names"] = (_, http) => ReportAsync(http, """{"vulnerabilities":[{"severity":"High"}]}"""),
        ["is deep"] = (_, http) => ReportAsync(
            http, $$"""{"x":{{new string('[', 1000)}}{{new string(']', 1000)}},"vulnerabilities":[]}"""),
        ["is huge"] = (_, http) => ReportAsync(http, $$"""{"vulnerabilities":[],"x":"{{new string('x', 200_000)}}"}"""),
        ["has a huge entry"] = (_, http) => ReportAsync(
            http, $$"""{"vulnerabilities":[{"id":"{{new string('x', 270_000)}}"}]}"""),
        ["fails"] = (_, http) => StatusAsync(http, isOfReport: true, 500, "the <b>disk</b> is\u0007 full"),
        ["forgets"] = (_, http) => StatusAsync(http, isOfReport: true, 404, ""),
        ["moves"] = (_, http) => StatusAsync(http, isOfReport: true, 301, ""),
        ["refuses"] = (_, http) => StatusAsync(http, isOfReport: false, 422, "repository is unknown"),
        ["names nonsense"] = async (_, http) =>
        {
            if (http.Request.Method != "POST") return false;
            http.Response.StatusCode = 202;
            await http.Response.WriteAsync("""{"\ud800":"1"}""");
            return true;
        },
        ["accepts nothing"] = async (_, http) =>
        {
            if (http.Request.Method != "POST") return false;
            http.Response.StatusCode = 202;
            await http.Response.WriteAsync("""{"id":".."}""");
            return true;
        },
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("hangs", "did not answer within 1s")]
    [InlineData("drips", "did not answer within 1s")]
    [InlineData("cuts off", "broke off")]
    [InlineData("lies", "about another image")]
    [InlineData("is no JSON", "no valid JSON")]
    [InlineData("goes on", "no valid JSON")]
    [InlineData("breaks off", "no valid JSON")]
    [InlineData("is no report", "no vulnerabilities")]
    [InlineData("is no list", "no list")]
    [InlineData("has no names", "without an id")]
    [InlineData("is deep", "no valid JSON")]
    [InlineData("is huge", "longer than 131072 bytes")]
    [InlineData("fails", "it answered 500: the <b>disk</b> is? full")]
    [InlineData("forgets", "404")]
    [InlineData("moves", "it answered 301")]
    [InlineData("refuses", "it answered 422: repository is unknown")]
    [InlineData("names nonsense", "did not say what it calls it")]
    [InlineData("accepts nothing", "did not say what it calls it")]
    public async Task What_was_known_stays_when_a_scan_goes_wrong(string how, string fault)
    {
        await using var scanned = await ScannedRegistry.StartAsync(scanner =>
            [scanner with { Timeout = TimeSpan.FromSeconds(1), ReportBytes = 128 << 10 }]);
        var adapter = scanned.Adapter;
        adapter.Unready = 0;
        await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Assert.Equal("known", (await scanned.SeeAsync("team/app", "1")).Of("state"));

        await scanned.HastenAsync();
        adapter.Instead = http => Bad[how](adapter, http);
        await scanned.RunAsync();
        var seen = await scanned.SeeAsync("team/app", "1");
        Assert.Equal(("known", "2"), (seen.Of("state"), seen.GetProperty("counts").Of("findings")));
        Assert.Contains(fault, seen.Of("fault"));
        Assert.Equal(2, (await scanned.FindAsync("team/app", "1")).GetProperty("items").GetArrayLength());

        // It is tried again later, and not at once.
        adapter.Instead = null;
        await scanned.RunAsync();
        Assert.Contains(fault, (await scanned.SeeAsync("team/app", "1")).Of("fault"));
        await scanned.HastenAsync();
        await scanned.RunAsync();
        Assert.False((await scanned.SeeAsync("team/app", "1")).TryGetProperty("fault", out _));
    }

    [Fact]
    public async Task An_entry_of_a_report_has_a_limit()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("team/app", "1");
        scanned.Adapter.Instead = http => Bad["has a huge entry"](scanned.Adapter, http);
        await scanned.RunAsync();
        var seen = await scanned.SeeAsync("team/app", "1");
        Assert.Equal("fault", seen.Of("state"));
        Assert.Contains("an entry of more than", seen.Of("fault"));
    }

    [Fact]
    public async Task Of_a_very_long_report_the_worst_is_kept()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("team/app", "1");
        scanned.Adapter.Found = string.Join(',', Enumerable.Range(0, 10_500).Select(i => $$"""
            {"id":"CVE-{{i}}","package":"\u0007p\ud800","version":"1","severity":"{{(i % 2 == 0 ? "High" : "odd")}}"}
            """)) + "," + TestAdapter.Two + "," + TestAdapter.Two;
        await scanned.RunAsync();
        var seen = await scanned.SeeAsync("team/app", "1");
        Assert.Equal("it told of 10502: the worst 10000 are kept", seen.Of("note"));
        var counts = seen.GetProperty("counts");
        Assert.Equal(
            ("1", "5250", "5249", "10502"),
            (counts.Of("critical"), counts.Of("high"), counts.Of("unknown"), counts.Of("findings")));
        Assert.Equal(10_000, await scanned.NumberAsync("SELECT count(*) FROM scanner_finding"));
        var page = await scanned.FindAsync("team/app", "1", "&n=2");
        Assert.Equal("10000", page.Of("count"));
        Assert.Equal("CVE-1", page.GetProperty("items")[0].Of("name"));
        Assert.Equal("?", page.GetProperty("items")[1].Of("package"));

        // As long as findings may be, fewer are kept.
        var link = "https://example.com/" + new string('x', 480);
        scanned.Adapter.Found = string.Join(',', Enumerable.Range(0, 9_000).Select(i => $$"""
            {"id":"CVE-{{i}}","package":"p","severity":"High","links":["{{link}}","{{link}}","{{link}}"]}
            """));
        await scanned.HastenAsync();
        await scanned.RunAsync();
        Assert.InRange(await scanned.NumberAsync("SELECT count(*) FROM scanner_finding"), 5_000, 6_000);
        Assert.StartsWith("it told of 9000: the worst 5", (await scanned.SeeAsync("team/app", "1")).Of("note"));
    }

    [Fact]
    public async Task A_scan_that_takes_too_long_is_given_up()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("team/app", "1");
        scanned.Adapter.Instead = http => StatusAsync(http, isOfReport: true, 302, "");
        await scanned.PushAsync("team/app", "2");
        await scanned.WriteAsync(
            """
            INSERT INTO scanner_report (
                image_id, scanner, state, due_at, attempts, misses, request, stamp, fault, begun_at)
            SELECT id, 'trivy', 'running', 0, 0, 0, 'x', '', '', 1 FROM image_scan
            """);
        await scanned.RunAsync();
        Assert.Equal("it did not scan the image within 30m", (await scanned.SeeAsync("team/app", "1")).Of("fault"));
        Assert.Equal("fault", (await scanned.SeeAsync("team/app", "2")).Of("state"));
    }

    [Fact]
    public async Task A_report_that_is_there_is_read_however_late_it_is()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("team/app", "1");
        scanned.Adapter.Unready = int.MaxValue;
        scanned.Adapter.Instead = http => StatusAsync(http, isOfReport: true, 503, "");
        var running = scanned.RunAsync();
        await Eventually.TrueAsync(async () =>
            await scanned.WriteAsync("UPDATE scanner_report SET begun_at = 1 WHERE state = 'running'") > 0);
        (scanned.Adapter.Unready, scanned.Adapter.Instead) = (0, null);
        await running;
        Assert.Equal("known", (await scanned.SeeAsync("team/app", "1")).Of("state"));
    }

    [Fact]
    public async Task Whoever_may_only_pull_is_not_told_what_a_scanner_says()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        var accounts = new AccountsOf(scanned.Registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("eve", "passphrase"), "team/**", "pull");
        await scanned.PushAsync("team/app", "1");
        scanned.Adapter.Instead = http => StatusAsync(http, isOfReport: false, 422, "hidden/image at 10.0.0.7");
        await scanned.RunAsync();
        Assert.Equal(
            "it answered 422: hidden/image at 10.0.0.7", (await scanned.SeeAsync("team/app", "1")).Of("fault"));
        Assert.Equal("it answered 422", (await SeeAsEveAsync("team/app")).Of("fault"));

        // The scanner itself: one request says nothing yet, and then its administrators alone are told what is wrong.
        await scanned.PushAsync("team/new", "1");
        scanned.Adapter.Instead = async http =>
        {
            http.Response.StatusCode = 500;
            await http.Response.WriteAsync("""{"error":{"message":"no route to 10.0.0.8"} }""", Stop);
            return true;
        };
        await scanned.RunAsync();
        Assert.Equal("waiting", (await SeeAsEveAsync("team/new")).Of("state"));
        await scanned.WriteAsync("UPDATE scanner SET answered_at = answered_at - 600000");
        var seen = await SeeAsEveAsync("team/new");
        Assert.Equal(
            ("fault", "the scanner does not answer as it should: administrators see what is wrong"),
            (seen.Of("state"), seen.Of("fault")));
        Assert.Equal("it answered 500: no route to 10.0.0.8", (await scanned.SeeAsync("team/new", "1")).Of("fault"));

        async Task<JsonElement> SeeAsEveAsync(string repository)
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Get, $"/api/v1/images/1/scanners?repository={repository}");
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(ScannedRegistry.Bytes("eve:passphrase")));
            using var answer = await scanned.Registry.Client.SendAsync(request, Stop);
            return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement
                .GetProperty("items")[0];
        }
    }

    [Fact]
    public async Task Two_scans_that_run_can_not_have_the_same_id()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("team/app", "1");
        await scanned.PushAsync("team/app", "2");
        scanned.Adapter.Instead = async http =>
        {
            if (http.Request.Method != "POST") return await StatusAsync(http, isOfReport: true, 503, "");
            http.Response.StatusCode = 202;
            await http.Response.WriteAsync("""{"id":"always"}""", Stop);
            return true;
        };
        await scanned.RunAsync();
        var faults = new[] { await scanned.SeeAsync("team/app", "1"), await scanned.SeeAsync("team/app", "2") }
            .Select(one => one.TryGetProperty("fault", out var fault) ? fault.GetString() : "");
        Assert.Contains("it gave two scans that run the same id", faults);
    }

    [Fact]
    public async Task An_outage_of_the_adapter_is_no_fault_of_images()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        foreach (var tag in new[] { "1", "2", "3" }) await scanned.PushAsync("team/app", tag);
        var asked = 0;
        scanned.Adapter.Instead = async http =>
        {
            if (http.Request.Method != "POST") return false;
            asked++;
            http.Response.StatusCode = 503;
            await http.Response.WriteAsync("busy");
            return true;
        };
        await scanned.RunAsync();
        Assert.Equal(1, asked);
        Assert.Equal(0, await scanned.NumberAsync("SELECT count(*) FROM scanner_report WHERE state <> 'waiting'"));

        scanned.Adapter.Instead = null;
        await scanned.HastenAsync();
        await scanned.RunAsync();
        foreach (var tag in new[] { "1", "2", "3" })
            Assert.Equal("known", (await scanned.SeeAsync("team/app", tag)).Of("state"));
    }

    [Fact]
    public async Task A_scanner_that_is_away_keeps_no_other_from_its_work()
    {
        await using var other = await TestAdapter.StartAsync();
        var gone = await TestAdapter.StartAsync();
        await gone.DisposeAsync();
        await using var scanned = await ScannedRegistry.StartAsync(scanner =>
            [scanner with { Url = gone.Url }, scanner with { Name = "grype", Url = other.Url + "/" }]);
        await scanned.PushAsync("team/app", "1");
        await scanned.RunAsync();
        Assert.Equal("known", (await scanned.SeeAsync("team/app", "1", "grype")).Of("state"));
        var seen = await scanned.SeeAsync("team/app", "1");
        Assert.Equal("fault", seen.Of("state"));
        Assert.Contains("can't be reached", seen.Of("fault"));
        var status = await scanned.StatusAsync();
        Assert.Contains("can't be reached", status.Of("fault"));
        Assert.False(status.TryGetProperty("answeredAt", out _));
    }

    [Theory]
    [InlineData("<html>", "no JSON")]
    [InlineData("{}", "no scanner or no capabilities")]
    [InlineData("""{"scanner":{},"capabilities":[]}""", "no reports of the kind")]
    [InlineData("""{"scanner":{},"capabilities":[{"type":"sbom"},1,null]}""", "no reports of the kind")]
    public async Task What_is_no_scanner_is_told(string metadata, string fault)
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("team/app", "1");
        scanned.Adapter.Instead = async http =>
        {
            await http.Response.WriteAsync(metadata, Stop);
            return true;
        };
        await scanned.RunAsync();
        Assert.Contains(fault, (await scanned.StatusAsync()).Of("fault"));
        Assert.Contains(fault, (await scanned.SeeAsync("team/app", "1")).Of("fault"));
        Assert.Empty(scanned.Adapter.Asked);
    }

    private static async Task<bool> ReportAsync(HttpContext http, string body)
    {
        if (!TestAdapter.IsOfReport(http)) return false;
        await TestAdapter.WriteAsync(http, ReportType, body);
        return true;
    }

    private static async Task<bool> StatusAsync(HttpContext http, bool isOfReport, int status, string message)
    {
        if (isOfReport != TestAdapter.IsOfReport(http) || (!isOfReport && http.Request.Method != "POST")) return false;
        http.Response.StatusCode = status;
        if (status == 301) http.Response.Headers.Location = "/elsewhere";
        if (message.Length == 0) return true;
        var text = message.Replace("\u0007", "\\u0007", StringComparison.Ordinal);
        await TestAdapter.WriteAsync(
            http, "application/vnd.scanner.adapter.error+json; version=1.0",
            $$"""{"error":{"message":"{{text}}"} }""");
        return true;
    }
}
