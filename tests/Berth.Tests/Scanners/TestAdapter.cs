using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Scanners;

/// <summary>A scanner's adapter as Harbor's description of its API has it, good or bad.</summary>
internal sealed class TestAdapter : IAsyncDisposable
{
    public const string Two =
        """
        {"id":"CVE-2","package":"zlib","version":"1","fix_version":"","severity":"Low",
         "links":["https://example.com/2","javascript:alert(1)"],"preferred_cvss":null},
        {"id":"CVE-1","package":"openssl","version":"3.0.9","fix_version":"3.0.11","severity":"Critical",
         "description":"bad","links":["https://example.com/1"],
         "preferred_cvss":{"score_v3":9.8,"vector_v3":"CVSS:3.1/AV:N"},"vendor_attributes":{"a":{"b":[1]} } }
        """;

    private const string ReportType = "application/vnd.security.vulnerability.report; version=1.1";

    private readonly WebApplication app;
    private readonly ConcurrentDictionary<string, string> scans = new();
    private int polls;

    private TestAdapter(WebApplication app) => this.app = app;

    public string Url { get; private set; } = "";

    /// <summary>What it was asked to scan.</summary>
    public ConcurrentQueue<JsonElement> Asked { get; } = new();

    /// <summary>The header of each request.</summary>
    public ConcurrentQueue<string> Credentials { get; } = new();

    public string Version { get; set; } = "0.50";

    public string DataTime { get; set; } = "2026-01-01T00:00:00Z";

    /// <summary>The vulnerabilities in its reports.</summary>
    public string Found { get; set; } = Two;

    /// <summary>How often it says that a report is not there yet.</summary>
    public int Unready { get; set; } = 1;

    /// <summary>The kinds of manifests that it scans.</summary>
    public string Consumes { get; set; } = "\"application/vnd.oci.image.manifest.v1+json\"";

    /// <summary>Answers in its place; false: it has not.</summary>
    public Func<HttpContext, Task<bool>>? Instead { get; set; }

    public static async Task<TestAdapter> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var adapter = new TestAdapter(builder.Build());
        adapter.app.Run(adapter.AnswerAsync);
        await adapter.app.StartAsync();
        adapter.Url = adapter.app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single();
        return adapter;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    /// <summary>A report about the image that was asked for last.</summary>
    public string Report(string? digest = null) =>
        $$"""
        {"generated_at":"2026-01-01T00:00:00Z","artifact":{"repository":"x",
        "digest":"{{digest ?? Asked.Last().GetProperty("artifact").GetProperty("digest").GetString()}}"},
        "scanner":{"name":"Trivy","vendor":"Aqua Security","version":"{{Version}}"},"severity":"Critical",
        "vulnerabilities":[{{Found}}]}
        """;

    /// <summary>Whether a request is for a report.</summary>
    public static bool IsOfReport(HttpContext http) => http.Request.Path.Value!.EndsWith("/report");

    private async Task AnswerAsync(HttpContext http)
    {
        Credentials.Enqueue(http.Request.Headers.Authorization.ToString());
        if (Instead is { } instead && await instead(http)) return;
        switch (http.Request.Method, http.Request.Path.Value!.Split('/'))
        {
            case ("GET", ["", "api", "v1", "metadata"]):
                await WriteAsync(http, "application/vnd.scanner.adapter.metadata+json; version=1.1", Metadata());
                break;
            case ("POST", ["", "api", "v1", "scan"])
                when http.Request.ContentType == "application/vnd.scanner.adapter.scan.request+json; version=1.1":
                var asked = (await JsonDocument.ParseAsync(http.Request.Body)).RootElement;
                Asked.Enqueue(asked);
                var id = $"scan/{Asked.Count}";
                scans[id] = asked.GetProperty("artifact").GetProperty("digest").GetString()!;
                polls = 0;
                http.Response.StatusCode = 202;
                await WriteAsync(
                    http, "application/vnd.scanner.adapter.scan.response+json; version=1.0", $$"""{"id":"{{id}}"}""");
                break;
            case ("GET", ["", "api", "v1", "scan", var sent, "report"]):
                await AnswerReportAsync(http, Uri.UnescapeDataString(sent));
                break;
            default:
                http.Response.StatusCode = 404;
                break;
        }
    }

    private async Task AnswerReportAsync(HttpContext http, string id)
    {
        if (!scans.TryGetValue(id, out var digest))
        {
            http.Response.StatusCode = 404;
        }
        else if (polls++ < Unready)
        {
            http.Response.StatusCode = 302;
            http.Response.Headers.Location = http.Request.Path.Value;
            http.Response.Headers["Refresh-After"] = "1";
        }
        else if (http.Request.Headers.Accept != ReportType)
        {
            http.Response.StatusCode = 501;
        }
        else
        {
            await WriteAsync(http, ReportType, Report(digest));
        }
    }

    public static async Task WriteAsync(HttpContext http, string type, string body)
    {
        http.Response.ContentType = type;
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body), http.RequestAborted);
    }

    private string Metadata() =>
        $$"""
        {"scanner":{"name":"Trivy","vendor":"Aqua Security","version":"{{Version}}"},
        "capabilities":[
          {"type":"sbom","consumes_mime_types":["application/vnd.oci.image.manifest.v1+json"],
           "produces_mime_types":["application/vnd.security.sbom.report+json; version=1.0"]},
          {"type":"vulnerability","consumes_mime_types":[{{Consumes}}],
           "produces_mime_types":["application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0",
             "{{ReportType}}"]}],
        "properties":{"harbor.scanner-adapter/scanner-type":"os-package-vulnerability",
          "harbor.scanner-adapter/vulnerability-database-updated-at":"{{DataTime}}"} }
        """;
}
