using System.Diagnostics;
using Berth.Distribution;
using Berth.Logging;
using Berth.Settings;
using Berth.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Hosting;

/// <summary>
/// The outermost handler of a request: adds the headers of every response, answers unexpected errors with a 500 whose
/// id is in the log, and writes the request's log line.
/// </summary>
internal sealed partial class RequestBoundary(
    RequestDelegate next, AnswerHeaders headers, RequestLog? requests, LimitSettings limits, TimeProvider clock,
    ILogger<RequestBoundary> log)
{
    /// <summary>nginx's status for a client that went away. It is only logged, never sent.</summary>
    private const int ClientGone = 499;

    private static readonly TimeSpan MomentUntilToldGone = TimeSpan.FromMilliseconds(200);

    /// <summary>As Kestrel's.</summary>
    private static readonly TimeSpan LongestEndOfBody = TimeSpan.FromSeconds(5);

    public async Task HandleAsync(HttpContext http)
    {
        var started = Stopwatch.GetTimestamp();
        var hasBody = HasBody(http.Request);
        var connection = http.Features.Get<OpenConnection>();
        connection?.BeginRequest(hasBody, HttpProtocol.IsHttp2(http.Request.Protocol));
        try
        {
            if (connection is { IsPipelined: true }) await Task.Yield();
            headers.Set(http);
            var body = requests is null ? null : Count(http);
            int status;
            try
            {
                if (hasBody && FindUnknownCoding(http.Request) is { } unknown) await unknown.WriteAsync(http.Response);
                else await next(http);
                status = await IsCutOffAsync(http, body) ? ClientGone : http.Response.StatusCode;
            }
            catch (Exception e)
            {
                status = await AnswerAsync(http, e);
            }

            requests?.Write(http, status, body!.Bytes, Stopwatch.GetElapsedTime(started));
            if (hasBody && status >= StatusCodes.Status400BadRequest) await EndBodyAsync(http);
        }
        finally
        {
            connection?.EndRequest();
        }
    }

    /// <summary>On HTTP/2 a refused body ends with its stream.</summary>
    private static bool HasBody(HttpRequest request) =>
        request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0;

    /// <summary>RFC 9112, 6.1: a transfer coding that is not understood is answered with 501.</summary>
    private static RegistryError? FindUnknownCoding(HttpRequest request)
    {
        var codings = request.Headers.TransferEncoding;
        if (codings.Count == 0) return null;
        if (codings is [{ } only] && only.Trim().Equals("chunked", StringComparison.OrdinalIgnoreCase)) return null;
        request.HttpContext.Response.Headers.Connection = "close";
        return new RegistryError(
            StatusCodes.Status501NotImplemented, "UNSUPPORTED", "the only supported transfer coding is chunked");
    }

    /// <summary>
    /// Drains what the client may still be sending after its request was refused; otherwise it would see a broken
    /// connection instead of the answer. This is bounded.
    /// </summary>
    private async Task EndBodyAsync(HttpContext http)
    {
        if (HttpProtocol.IsHttp2(http.Request.Protocol) || http.RequestAborted.IsCancellationRequested) return;

        // A client that sent Expect sends nothing now that the answer is no, and Kestrel knows that.
        if (http.Request.Headers.Expect.Count > 0) return;
        using var limit = new CancellationTokenSource(LongestEndOfBody, clock);
        try
        {
            for (var left = limits.RefusedBodyBytes; left >= 0;)
            {
                var read = await http.Request.BodyReader.ReadAsync(limit.Token);
                left -= read.Buffer.Length;
                http.Request.BodyReader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The framing is wrong, the client is gone or slow, or the body is already being read: there is no next
            // request.
        }

        http.Abort();
    }

    private static CountedBody Count(HttpContext http)
    {
        var body = new CountedBody(http.Features.GetRequiredFeature<IHttpResponseBodyFeature>());
        http.Features.Set<IHttpResponseBodyFeature>(body);
        return body;
    }

    private async Task<int> AnswerAsync(HttpContext http, Exception e)
    {
        e = FindBadFraming(e) ?? e;
        if (e is ConnectionResetException
            || (e is OperationCanceledException or IOException && await IsGoneAsync(http.RequestAborted)))
        {
            http.Abort();
            return ClientGone;
        }

        var error = RegistryError.Unknown(http.TraceIdentifier);
        if (e is BadHttpRequestException bad)
        {
            _ = SentPath.TryRead(http, out var path);
            error = RegistryError.Malformed(V2Path.Parse(path).Kind, bad.Message, bad.StatusCode);
        }
        else
        {
            LogUnexpected(e, http.TraceIdentifier);
        }

        if (http.Response.HasStarted)
        {
            // The client must not take a partial response for the whole.
            http.Abort();
            return error.Status;
        }

        http.Response.Clear();
        headers.Set(http);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        await error.WriteAsync(http.Response);
        return error.Status;
    }

    /// <summary>Kestrel has its own exception for bad chunks, but not for a chunk size beyond 32 bits.</summary>
    private static BadHttpRequestException? FindBadFraming(Exception e) =>
        e is IOException { InnerException: OverflowException }
            ? new BadHttpRequestException("the size of a chunk is too large", StatusCodes.Status400BadRequest, e)
            : null;

    /// <summary>The client went away before it got the whole response.</summary>
    private static ValueTask<bool> IsCutOffAsync(HttpContext http, CountedBody? body) =>
        body?.Bytes < http.Response.ContentLength && !HttpMethods.IsHead(http.Request.Method)
            ? new ValueTask<bool>(IsGoneAsync(http.RequestAborted))
            : ValueTask.FromResult(false);

    /// <summary>Kestrel reports that the client is gone a moment after reads and writes begin to fail.</summary>
    private static async Task<bool> IsGoneAsync(CancellationToken aborted)
    {
        await Task.Delay(MomentUntilToldGone, aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return aborted.IsCancellationRequested;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Unexpected error in request {Id}")]
    private partial void LogUnexpected(Exception e, string id);
}
