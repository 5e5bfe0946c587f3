using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Tests.Hosting;
using Berth.Tests.Servers;

namespace Berth.Tests.Telemetry;

/// <summary>A real Berth that sends what it measures to a collector.</summary>
public sealed class CollectorTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_the_usual_variables_metrics_and_traces_are_sent_to_a_collector()
    {
        await using var collector = new Collector();
        await using var berth = await BerthProcess.StartAsync(
            settings =>
            {
                settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address;
                settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
                settings["OTEL_SERVICE_NAME"] = "the-registry";
                settings["OTEL_METRIC_EXPORT_INTERVAL"] = "300";
                settings["OTEL_BSP_SCHEDULE_DELAY"] = "300";
            },
            Stop);
        using var http = berth.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/a/b/tags/list");
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        using var answer = await http.SendAsync(request, Stop);
        var id = answer.Headers.GetValues("X-Request-Id").Single();
        await Eventually.TrueAsync(() => collector.Has("/v1/traces", "GET /v2/{name}/tags/list"));
        Assert.True(collector.Has("/v1/traces", id));
        Assert.True(collector.Has("/v1/traces", "the-registry"));
        Assert.True(collector.Has("/v1/traces", "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c"));
        await Eventually.TrueAsync(() => collector.Has("/v1/traces", "db.operation.name"));
        await Eventually.TrueAsync(() => collector.Has("/v1/metrics", "http.server.request.duration"));
    }

    [Fact]
    public async Task A_collector_that_does_not_answer_leaves_a_stop_the_time_that_docker_gives()
    {
        using var silent = new Socket(SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        var folder = Directory.CreateTempSubdirectory("berth-collector-");
        using var berth = new ServeProcess(
            folder.FullName, "127.0.0.1:0", "data",
            ("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://{silent.LocalEndPoint}"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"));
        using var http = new HttpClient { BaseAddress = await berth.ReadAddressAsync() };
        await http.GetStringAsync("v2/", Stop);
        berth.Terminate();

        // "docker stop" kills after ten seconds.
        Assert.Equal(0, await berth.ExitWithinAsync(TimeSpan.FromSeconds(9)));
        folder.Delete(recursive: true);
    }

    /// <summary>Takes whatever it is sent.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly ConcurrentQueue<(string Path, string Body)> received = new();
        private readonly HttpListener listener = new();
        private readonly Task receiving;

        public Collector()
        {
            Address = $"http://127.0.0.1:{LoopbackPorts.Free()}";
            listener.Prefixes.Add(Address + "/");
            listener.Start();
            receiving = Task.Run(ReceiveAsync);
        }

        public string Address { get; }

        public bool Has(string path, string text) =>
            received.Any(r => r.Path == path && r.Body.Contains(text, StringComparison.Ordinal));

        public async ValueTask DisposeAsync()
        {
            listener.Stop();
            await receiving;
        }

        private async Task ReceiveAsync()
        {
            while (listener.IsListening)
            {
                try
                {
                    var context = await listener.GetContextAsync();
                    using var body = new MemoryStream();
                    await context.Request.InputStream.CopyToAsync(body);
                    received.Enqueue((context.Request.Url!.AbsolutePath, Encoding.Latin1.GetString(body.ToArray())));
                    context.Response.Close();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
            }
        }
    }
}
