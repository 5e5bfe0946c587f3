using System.Diagnostics;
using Berth.Distribution;
using Berth.Logging;
using Berth.Transport;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Hosting;

/// <summary>
/// The outermost of what handles a request: gives it its headers, answers what nobody foresaw with a 500 whose id is
/// in the log, and writes the request's line.
/// </summary>
internal sealed partial class RequestBoundary(
    RequestDelegate next, AnswerHeaders headers, RequestLog? requests, ILogger<RequestBoundary> log)
{
    /// <summary>nginx's number for a client that went away. It is only logged: there is nobody to send it to.</summary>
    private const int ClientGone = 499;

    private static readonly TimeSpan MomentUntilToldGone = TimeSpan.FromMilliseconds(200);

    public async Task HandleAsync(HttpContext http)
    {
        var started = Stopwatch.GetTimestamp();
        headers.Set(http);
        var body = requests is null ? null : Count(http);
        int status;
        try
        {
            await next(http);
            status = await IsCutOffAsync(http, body) ? ClientGone : http.Response.StatusCode;
        }
        catch (Exception e)
        {
            status = await AnswerAsync(http, e);
        }

        requests?.Write(http, status, body!.Bytes, Stopwatch.GetElapsedTime(started));
    }

    private static CountedBody Count(HttpContext http)
    {
        var body = new CountedBody(http.Features.GetRequiredFeature<IHttpResponseBodyFeature>());
        http.Features.Set<IHttpResponseBodyFeature>(body);
        return body;
    }

    private async Task<int> AnswerAsync(HttpContext http, Exception e)
    {
        if (e is OperationCanceledException or IOException && await IsGoneAsync(http.RequestAborted))
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
            // The client must not take what it has for the whole.
            http.Abort();
            return error.Status;
        }

        http.Response.Clear();
        headers.Set(http);
        await error.WriteAsync(http.Response);
        return error.Status;
    }

    /// <summary>The client went away, and has less of the answer than it was promised.</summary>
    private static ValueTask<bool> IsCutOffAsync(HttpContext http, CountedBody? body) =>
        body?.Bytes < http.Response.ContentLength && !HttpMethods.IsHead(http.Request.Method)
            ? new ValueTask<bool>(IsGoneAsync(http.RequestAborted))
            : ValueTask.FromResult(false);

    /// <summary>Kestrel says that the client is gone a moment after reading and writing begin to fail.</summary>
    private static async Task<bool> IsGoneAsync(CancellationToken aborted)
    {
        await Task.Delay(MomentUntilToldGone, aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return aborted.IsCancellationRequested;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Unexpected error in request {Id}")]
    private partial void LogUnexpected(Exception e, string id);
}
