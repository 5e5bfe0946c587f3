using System.Diagnostics;
using System.Diagnostics.Metrics;
using Berth.Access;
using Berth.Distribution;
using Berth.Telemetry;

namespace Berth.Hosting;

/// <summary>
/// Measures each request and starts its span, by OpenTelemetry's conventions for HTTP servers. It is in the pipeline
/// only if telemetry is enabled.
/// </summary>
internal sealed class RequestMeter(RequestDelegate next, string prefix)
{
    private static readonly Histogram<double> Durations = Meters.Duration(
        "http.server.request.duration", "Duration of requests, until the last byte of the response was passed on.");

    private static readonly Tally Active = new();
    private static readonly Tally Received = new();
    private static readonly Tally Sent = new();

    private static readonly object[] Statuses = [.. Enumerable.Range(0, 600).Select(status => (object)status)];

    static RequestMeter()
    {
        Meters.Berth.CreateObservableUpDownCounter(
            "http.server.active_requests", () => Active.Value, "{request}", "Requests in progress.");
        Meters.Berth.CreateObservableCounter(
            "berth.http.received", () => Received.Value, "By", "Bytes of request bodies, by Content-Length.");
        Meters.Berth.CreateObservableCounter(
            "berth.http.sent", () => Sent.Value, "By", "Bytes of response bodies, by Content-Length.");
    }

    public async Task HandleAsync(HttpContext http)
    {
        var startedAt = Stopwatch.GetTimestamp();
        var (request, response) = (http.Request, http.Response);
        var method = MethodOf(request.Method);
        var route = RouteOf(http);
        Active.Add(1);
        using var span = route is "/healthz" or "/readyz" ? null : Start(http, method, route);
        var status = StatusCodes.Status500InternalServerError;
        try
        {
            await next(http);
            status = response.StatusCode;
        }
        finally
        {
            Active.Add(-1);
            var tags = new TagList { { "http.request.method", method }, { "url.scheme", request.Scheme } };
            if (route is not null) tags.Add("http.route", route);
            tags.Add("http.response.status_code", status < Statuses.Length ? Statuses[status] : status);
            if (http.RequestAborted.IsCancellationRequested) tags.Add("error.type", "client_gone");
            else if (status >= 500) tags.Add("error.type", $"{status}");
            Durations.Record(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, tags);
            if (request.ContentLength is > 0 and var received) Received.Add(received);
            if (response.ContentLength is > 0 and var sent && !HttpMethods.IsHead(method)) Sent.Add(sent);
            if (span is not null) End(span, tags, status);
        }
    }

    private static Activity? Start(HttpContext http, string method, string? route)
    {
        if (!Meters.Spans.HasListeners()) return null;
        var headers = http.Request.Headers;
        ActivityContext.TryParse(headers.TraceParent, headers.TraceState, isRemote: true, out var caller);
        var span = Meters.Spans.StartActivity(
            route is null ? method : $"{method} {route}", ActivityKind.Server, caller);
        span?.SetTag("url.path", LoggedPath.Of(http.Request.Path.Value).ToString());
        span?.SetTag("berth.request.id", http.TraceIdentifier);
        return span;
    }

    private static void End(Activity span, in TagList tags, int status)
    {
        foreach (var (name, value) in tags) span.SetTag(name, value);
        if (status >= 500) span.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>Methods invented by clients must not become labels.</summary>
    private static string MethodOf(string method) =>
        HttpMethods.IsGet(method) ? HttpMethods.Get
        : HttpMethods.IsHead(method) ? HttpMethods.Head
        : HttpMethods.IsPut(method) ? HttpMethods.Put
        : HttpMethods.IsPost(method) ? HttpMethods.Post
        : HttpMethods.IsPatch(method) ? HttpMethods.Patch
        : HttpMethods.IsDelete(method) ? HttpMethods.Delete
        : HttpMethods.IsOptions(method) ? HttpMethods.Options
        : "_OTHER";

    private string? RouteOf(HttpContext http)
    {
        _ = SentPath.TryRead(http, out var sent);
        var path = sent.AsSpan();
        if (prefix.Length > 1 && path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            path = path[(prefix.Length - 1)..];
        return path switch
        {
            "/healthz" => "/healthz",
            "/readyz" => "/readyz",
            "/" => "/",
            _ => V2Path.Parse(path).Kind switch
            {
                V2Kind.Version => "/v2/",
                V2Kind.Catalog => "/v2/_catalog",
                V2Kind.Blob => "/v2/{name}/blobs/{digest}",
                V2Kind.Uploads => "/v2/{name}/blobs/uploads/",
                V2Kind.Upload => "/v2/{name}/blobs/uploads/{id}",
                V2Kind.Manifest => "/v2/{name}/manifests/{reference}",
                V2Kind.Tags => "/v2/{name}/tags/list",
                V2Kind.Referrers => "/v2/{name}/referrers/{digest}",
                V2Kind.Extensions => "/v2/_oci/ext/discover",
                V2Kind.RepositoryExtensions => "/v2/{name}/_oci/ext/discover",
                V2Kind.TagDetails => "/v2/{name}/_berth/tags/detail",
                _ => null,
            },
        };
    }
}
