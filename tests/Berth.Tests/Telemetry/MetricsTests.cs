using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;
using Berth.Telemetry;
using Berth.Tests.Clients;
using Berth.Tests.Cluster;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Telemetry;

public sealed partial class MetricsTests
{
    private const string Manifest = "v2/team/secret-name/manifests/latest";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_are_counted_by_route_and_not_by_name_at_the_debug_address()
    {
        await using var registry = await StartAsync();
        await UseAsync(registry);

        // A request is counted once it is over, which its client need not wait for.
        var metrics = "";
        await Eventually.TrueAsync(async () => (metrics = await FetchAsync(registry)).Split('\n').Any(line =>
            line.Contains("manifests/{reference}", StringComparison.Ordinal)
            && line.Contains("\"GET\"", StringComparison.Ordinal)));
        AssertCounted(
            metrics, "http_server_request_duration_seconds_count", "http_request_method=\"GET\"",
            "http_route=\"/v2/{name}/manifests/{reference}\"", "http_response_status_code=\"200\"");
        AssertCounted(metrics, "berth_cache_lookups_total", "berth_cache_result=\"hit\"");
        AssertCounted(metrics, "db_client_operation_duration_seconds_count", "db_operation_name=\"write\"");
        AssertCounted(metrics, "berth_store_operation_duration_seconds_count", "berth_store_operation=\"open_upload\"");
        Assert.Contains("berth_journal_age_seconds", metrics, StringComparison.Ordinal);
        Assert.Contains("dotnet_process_memory_working_set_bytes", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-name", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_debug_address_answers_health_and_metrics_and_nothing_else()
    {
        await using var registry = await StartAsync();
        using var debug = DebugClient(registry);
        Assert.Equal("""{"status":"ok"}""", await debug.GetStringAsync("healthz", Stop));
        Assert.Equal("""{"status":"ok"}""", await debug.GetStringAsync("readyz", Stop));
        foreach (var path in new[] { "", "v2/", "v2/_catalog", "metrics2", "debug/pprof/" })
        {
            using var answer = await debug.GetAsync(path, Stop);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        using var elsewhere = await registry.Client.GetAsync("metrics", Stop);
        Assert.Equal(HttpStatusCode.NotFound, elsewhere.StatusCode);
    }

    [Fact]
    public async Task The_debug_address_may_be_any_free_port_of_localhost()
    {
        await using var registry = await StartAsync(address: "localhost:0");
        using var debug = DebugClient(registry);
        Assert.Equal("""{"status":"ok"}""", await debug.GetStringAsync("healthz", Stop));
    }

    [Fact]
    public async Task Without_prometheus_the_debug_address_has_health_alone()
    {
        await using var registry = await StartAsync(p => p with { Enabled = false });
        using var debug = DebugClient(registry);
        Assert.Equal("""{"status":"ok"}""", await debug.GetStringAsync("readyz", Stop));
        using var metrics = await debug.GetAsync("metrics", Stop);
        Assert.Equal(HttpStatusCode.NotFound, metrics.StatusCode);
    }

    [Fact]
    public async Task Metrics_are_found_where_the_settings_put_them()
    {
        await using var registry = await StartAsync(p => p with { Path = "/watch/this" });
        using var debug = DebugClient(registry);
        Assert.Contains("target_info", await debug.GetStringAsync("watch/this", Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_measured_unless_it_is_exported()
    {
        await using var registry = await RegistryFixture.StartAsync();
        Assert.Null(registry.Services.GetService<TelemetryExport>());
        Assert.IsNotType<MeasuredDatabase>(registry.Services.GetRequiredService<Database>());
    }

    [Fact]
    public async Task A_debug_address_that_is_taken_is_named_at_the_start()
    {
        await using var registry = await StartAsync();
        var taken = registry.Services.GetRequiredService<DebugServer>().Address["http://".Length..];
        var failure = await Assert.ThrowsAsync<StartException>(() => StartAsync(address: taken));
        Assert.Contains(taken, failure.Message, StringComparison.Ordinal);
        Assert.Contains("http.debug.addr", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_query_of_the_dashboard_uses_existing_metrics_and_labels()
    {
        await using var registry = await StartAsync();
        await UseAsync(registry);
        var metrics = "";
        await Eventually.TrueAsync(async () =>
            (metrics = await FetchAsync(registry)).Contains("berth_job_duration_seconds", StringComparison.Ordinal));
        var dashboard = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(SourceTree.Root, "deploy/grafana/berth.json"), Stop));
        var queries = dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
            .Select(target => target.GetProperty("expr").GetString()!).ToList();
        Assert.True(queries.Count >= 14);
        foreach (var query in queries)
        {
            var names = MetricName().Matches(query).Select(m => m.Groups[1].Value).ToList();
            Assert.NotEmpty(names);
            foreach (var name in names)
            {
                var lines = metrics.Split('\n').Where(line => line.StartsWith(name + "{", StringComparison.Ordinal)
                    || line.StartsWith(name + " ", StringComparison.Ordinal)).ToList();
                Assert.True(lines.Count > 0, $"{name} is not exported; {query}");
                foreach (var label in LabelName().Matches(query).Select(m => m.Groups[1].Value))
                {
                    Assert.True(
                        lines.Exists(line => line.Contains(label + "=", StringComparison.Ordinal)),
                        $"{name} has no label {label}; {query}");
                }
            }
        }
    }

    [Fact]
    public async Task The_commands_of_the_page_about_it_do_what_it_says()
    {
        await using var registry = await StartAsync();
        await UseAsync(registry);
        var debug = registry.Services.GetRequiredService<DebugServer>().Address["http://".Length..];
        var page = await File.ReadAllTextAsync(Path.Combine(SourceTree.Root, "docs/observability.md"), Stop);
        var blocks = ShellBlock().Matches(page).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(2, blocks.Count);
        var outputs = new List<string>();
        foreach (var line in blocks.SelectMany(b => b.Split('\n', StringSplitOptions.RemoveEmptyEntries)))
        {
            var run = await ProgramRun.StartAsync(
                "bash", ["-c", line.Replace("127.0.0.1:5001", debug, StringComparison.Ordinal)],
                new Dictionary<string, string>(), Path.GetTempPath(), TimeSpan.FromSeconds(30));
            Assert.True(run.ExitCode == 0, $"{line}: {run.Output}{run.Error}");
            outputs.Add(run.Output.TrimEnd());
        }

        Assert.Contains("http_route", outputs[0], StringComparison.Ordinal);
        Assert.Equal("""{"status":"ok"}""", outputs[1]);
    }

    private static void AssertCounted(string metrics, string name, params string[] labels) => Assert.Contains(
        metrics.Split('\n'),
        line => line.StartsWith(name + "{", StringComparison.Ordinal)
            && labels.All(label => line.Contains(label, StringComparison.Ordinal))
            && !line.Contains("} 0 ", StringComparison.Ordinal));

    private static async Task<RegistryFixture> StartAsync(
        Func<PrometheusSettings, PrometheusSettings>? configure = null, string address = "127.0.0.1:0")
    {
        var prometheus = new PrometheusSettings { Enabled = true };
        var debug = new DebugSettings { Addr = address, Prometheus = configure?.Invoke(prometheus) ?? prometheus };
        return await RegistryFixture.StartAsync(s => s with { Http = s.Http with { Debug = debug } });
    }

    private static HttpClient DebugClient(RegistryFixture registry) =>
        new() { BaseAddress = new Uri(registry.Services.GetRequiredService<DebugServer>().Address + "/") };

    private static async Task<string> FetchAsync(RegistryFixture registry)
    {
        using var debug = DebugClient(registry);
        return await debug.GetStringAsync("metrics", Stop);
    }

    /// <summary>A push and some pulls, and one answer of each kind that the dashboard has a panel for.</summary>
    private static async Task UseAsync(RegistryFixture registry)
    {
        using (var upload = await registry.Client.PostAsync("v2/team/secret-name/blobs/uploads/", null, Stop))
        using (var body = new ByteArrayContent(new byte[1000]))
        {
            var location = new Uri(registry.BaseAddress, upload.Headers.Location!);
            (await registry.Client.PatchAsync(location, body, Stop)).Dispose();
            (await registry.Client.DeleteAsync(location, Stop)).Dispose();
        }

        (await SharedDatabase.PushAsync(registry, Manifest, 1)).Dispose();
        await Eventually.TrueAsync(async () =>
        {
            await SharedDatabase.PullAsync(registry, Manifest);
            return (await FetchAsync(registry)).Contains("\"hit\"", StringComparison.Ordinal);
        });
    }

    [GeneratedRegex(@"\b([a-z]+(?:_[a-z]+)+)\{")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"[{,(] ?((?:http|db|berth)_[a-z_]+)(?:=|[,)] )")]
    private static partial Regex LabelName();

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ShellBlock();
}
