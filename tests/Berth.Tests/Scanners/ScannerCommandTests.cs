using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Lifecycle;
using Berth.Tests.Pages;

namespace Berth.Tests.Scanners;

/// <summary><c>berth scan --scanner</c> and <c>berth scanners</c>, and the pages.</summary>
[Inside]
public sealed class ScannerCommandTests
{
    private static Dictionary<string, string> SettingsOf(ScannedRegistry scanned) => new()
    {
        ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
        ["REGISTRY_AUTH_LOCAL_BCRYPTCOST"] = "4",
        ["REGISTRY_SCANNERS_0_NAME"] = "trivy",
        ["REGISTRY_SCANNERS_0_URL"] = scanned.Adapter.Url,
        ["REGISTRY_SCANNERS_0_REGISTRYURL"] = "https://registry.example.com",
    };

    [Fact]
    public async Task The_commands_of_the_page_on_other_scanners_work_as_they_stand()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("acme/app", "1.0");
        await scanned.RunAsync();
        var blocks = DocumentedCommandTests.BlocksOf("docs/scanners.md");
        Assert.Equal(2, blocks.Count);
        var script = string.Join('\n', blocks)
            .Replace("https://registry.example.com", scanned.Registry.BaseAddress.ToString().TrimEnd('/'))
            .Replace("-u ann", $"-u 'admin:{AccountsOf.AdminPassword}'", StringComparison.Ordinal);
        var said = await DocumentedCommandTests.RunAsync(
            scanned.Registry,
            $$"""
            berth() { {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            curl() { command curl --fail-with-body -sS "$@"; echo; }
            {{string.Join('\n', SettingsOf(scanned).Select(one => $"export {one.Key}='{one.Value}'"))}}
            {{script}}
            """);
        Assert.Contains("trivy  Trivy    0.50     2026-01-01 00:00", said);
        Assert.Contains("critical  CVE-1          openssl  3.0.9    3.0.11", said);
        Assert.Contains("low       CVE-2          zlib     1", said);
        Assert.Contains("In all, 2 vulnerabilities: 1 critical, 1 low (Trivy 0.50, ", said);
        Assert.Contains("\"name\":\"CVE-1\"", said);
        Assert.Contains("\"findings\":2", said);
    }

    [Fact]
    public async Task A_pipeline_stops_at_what_a_scanner_finds()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("acme/app", "1");
        scanned.Adapter.Consumes = "\"other/type\"";
        await scanned.RunAsync();
        Assert.Contains("it scans no", (await ScanAsync()).Is(1).Errors);
        scanned.Adapter.Consumes = "";
        await scanned.HastenAsync();
        await scanned.RunAsync();
        Assert.Contains("1 vulnerability of high or worse", (await ScanAsync("--fail-on", "high")).Is(3).Errors);
        scanned.Adapter.Found = TestAdapter.Two.Split("},")[0] + "}";
        await scanned.HastenAsync();
        await scanned.RunAsync();
        (await ScanAsync("--fail-on", "high")).Is(0);
        Assert.Contains("scanner", (await ScanAsync("--csv")).Errors);
        Assert.Contains("scanner other", (await AskAsync("other")).Is(1).Errors);

        Task<CommandResult> ScanAsync(params string[] options) => AskAsync("trivy", options);

        Task<CommandResult> AskAsync(string scanner, params string[] options)
        {
            var variables = new Dictionary<string, string>(scanned.Registry.Variables);
            foreach (var (name, value) in SettingsOf(scanned)) variables[name] = value;
            return AccountCommand.RunAsync(
                variables, input: "", ["scan", "acme/app:1", "--scanner", scanner, .. options]);
        }
    }

    [Fact]
    public async Task The_page_of_an_image_shows_what_other_scanners_found()
    {
        await using var scanned = await ScannedRegistry.StartAsync();
        await scanned.PushAsync("acme/app", "1");
        var page = new PageClient(scanned.Registry, "admin");
        Assert.Contains("not scanned yet", (await page.GetAsync("/r/acme/app:1/-/vulnerabilities")).Text);
        scanned.Adapter.Found =
            """
            {"id":"<b>CVE-1","package":"<i>x","version":"1","severity":"High","links":["https://example.com/?a=\""]},
            {"id":"CVE-2","package":"y","version":"1","severity":"Low","links":["https://example.com/?a=1&b"]}
            """;
        await scanned.RunAsync();
        var tab = (await page.GetAsync("/r/acme/app:1/-/vulnerabilities")).Text;
        Assert.Contains("Other scanners", tab);
        Assert.Contains("1 high, 1 low", tab);
        Assert.Contains("href=\"/r/acme/app:1/-/scanner?scanner=trivy\"", tab);
        var list = (await page.GetAsync("/r/acme/app:1/-/scanner?scanner=trivy")).Text;
        Assert.Contains("Found by trivy", list);
        Assert.Contains("&lt;b&gt;CVE-1", list);
        Assert.DoesNotContain("<b>CVE-1", list);
        Assert.Contains("href=\"https://example.com/?a=1&amp;b\"", list);
        await page.GetAsync("/r/acme/app:1/-/scanner?scanner=other", System.Net.HttpStatusCode.NotFound);
        await page.GetAsync("/r/acme/app:1/-/scanner", System.Net.HttpStatusCode.NotFound);
    }
}
