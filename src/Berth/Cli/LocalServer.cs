using System.Net;
using Berth.Settings;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Cli;

/// <summary>
/// Hands requests to the API in this process: a server for the host, and for an <see cref="HttpClient"/> the way there.
/// </summary>
/// <param name="address">What a server with the same settings is called by who is on this machine.</param>
internal sealed class LocalServer(Uri address) : HttpMessageHandler, IServer
{
    private Func<IFeatureCollection, Task>? run;

    /// <summary>By the settings alone: nothing asks from outside.</summary>
    public static Uri AddressOf(HttpSettings settings)
    {
        _ = ListenAddress.TryParse(settings.Addr, out var listen);
        if (listen.Host is "" or "0.0.0.0" or "::") listen = listen with { Host = "localhost" };
        return new Uri($"{(settings.Tls.Certificate is null ? "http" : "https")}://{listen}");
    }

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        run = async features =>
        {
            var context = application.CreateContext(features);
            Exception? failure = null;
            try
            {
                await application.ProcessRequestAsync(context);
            }
            catch (Exception e)
            {
                failure = e;
                throw;
            }
            finally
            {
                application.DisposeContext(context, failure);
            }
        };
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!;
        var sent = new HttpRequestFeature
        {
            Method = request.Method.Method,
            Scheme = address.Scheme,
            Protocol = "HTTP/1.1",

            // As Kestrel has it: an escaped slash stays escaped.
            Path = Uri.UnescapeDataString(
                path.AbsolutePath.Replace("%2F", "%252F", StringComparison.OrdinalIgnoreCase)),
            QueryString = path.Query,
            RawTarget = path.PathAndQuery,
            Body = request.Content is null
                ? Stream.Null : await request.Content.ReadAsStreamAsync(cancellationToken),
        };
        foreach (var (name, values) in request.Headers.Concat(request.Content?.Headers.AsEnumerable() ?? []))
            sent.Headers[name] = values.ToArray();
        sent.Headers.Host = address.Authority;
        var (answered, body) = (new HttpResponseFeature(), new MemoryStream());
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(sent);
        features.Set<IHttpRequestBodyDetectionFeature>(new Body(request.Content is not null));
        features.Set<IHttpRequestLifetimeFeature>(
            new HttpRequestLifetimeFeature { RequestAborted = cancellationToken });
        features.Set<IHttpResponseFeature>(answered);
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        await run!(features);
        return AnswerOf(request, answered, body);
    }

    private static HttpResponseMessage AnswerOf(
        HttpRequestMessage request, HttpResponseFeature answered, MemoryStream body)
    {
        body.Position = 0;
        var answer = new HttpResponseMessage((HttpStatusCode)answered.StatusCode)
        {
            RequestMessage = request,
            Content = new StreamContent(body),
        };
        foreach (var (name, values) in answered.Headers)
        {
            if (!answer.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
                answer.Content.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        }

        return answer;
    }

    private sealed record Body(bool CanHaveBody) : IHttpRequestBodyDetectionFeature;
}
