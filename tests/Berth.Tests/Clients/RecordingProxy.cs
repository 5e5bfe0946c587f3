using System.Collections.Concurrent;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Clients;

/// <summary>Stands between a client and the registry and writes down each call, to show what was mounted.</summary>
public sealed class RecordingProxy : IAsyncDisposable
{
    private static readonly string[] HopHeaders = ["Transfer-Encoding", "Connection", "Keep-Alive"];

    private readonly WebApplication _server;
    private readonly HttpClient _client;
    private readonly ConcurrentQueue<string> _calls = new();

    private readonly int? _bytesPerSecond;

    private RecordingProxy(Uri registry, int? bytesPerSecond)
    {
        _bytesPerSecond = bytesPerSecond;
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false })
        {
            BaseAddress = registry,
        };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.Run(ForwardAsync);
    }

    /// <summary>The proxy's host and port, for an image's name.</summary>
    public string Address => new Uri(_server.Urls.Single()).Authority;

    /// <summary>Each call so far as <c>METHOD target status</c>, in the order of the answers.</summary>
    public IReadOnlyCollection<string> Calls => _calls;

    /// <summary>Starts a proxy on a free port before the registry.</summary>
    /// <param name="registry">Where it passes calls on to.</param>
    /// <param name="bytesPerSecond">How fast it passes on bodies of requests; null: as fast as it can.</param>
    public static async Task<RecordingProxy> StartAsync(Uri registry, int? bytesPerSecond = null)
    {
        var proxy = new RecordingProxy(registry, bytesPerSecond);
        await proxy._server.StartAsync();
        return proxy;
    }

    /// <summary>Fails unless a blob was mounted from one repository into another without being sent.</summary>
    public void AssertMounted(string into, string from, string digest)
    {
        var mount = _calls.SingleOrDefault(call =>
            call.StartsWith($"POST /v2/{into}/blobs/uploads/", StringComparison.Ordinal)
            && Uri.UnescapeDataString(call).Contains($"mount={digest}", StringComparison.Ordinal)
            && Uri.UnescapeDataString(call).Contains($"from={from}", StringComparison.Ordinal));
        Assert.True(mount?.EndsWith(" 201", StringComparison.Ordinal), string.Join('\n', _calls));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), target);
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true)
        {
            request.Content = _bytesPerSecond is { } speed
                ? new SlowContent(context.Request.Body, speed)
                : new StreamContent(context.Request.Body);
        }

        foreach (var (name, values) in context.Request.Headers.Where(header => !HopHeaders.Contains(header.Key)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, [.. values]))
            {
                request.Content ??= new ByteArrayContent([]);
                request.Content.Headers.TryAddWithoutValidation(name, [.. values]);
            }
        }

        using var response = await _client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        _calls.Enqueue($"{context.Request.Method} {target} {(int)response.StatusCode}");
        context.Response.StatusCode = (int)response.StatusCode;
        CopyHeaders(response.Headers, context.Response);
        CopyHeaders(response.Content.Headers, context.Response);
        await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    /// <summary>A body that takes its time.</summary>
    private sealed class SlowContent(Stream body, int bytesPerSecond) : HttpContent
    {
        private const int StepsPerSecond = 10;

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            var step = new byte[bytesPerSecond / StepsPerSecond];
            while (await body.ReadAtLeastAsync(step, step.Length, throwOnEndOfStream: false) is > 0 and var length)
            {
                await stream.WriteAsync(step.AsMemory(0, length));
                await stream.FlushAsync();
                if (length == step.Length) await Task.Delay(1000 / StepsPerSecond);
            }
        }
    }

    private static void CopyHeaders(HttpHeaders from, HttpResponse to)
    {
        foreach (var (name, values) in from.NonValidated)
        {
            if (!HopHeaders.Contains(name))
            {
                to.Headers[name] = values.ToArray();
            }
        }
    }
}
