using System.Diagnostics;
using Berth.Distribution;
using Berth.Logging;
using Microsoft.AspNetCore.Connections;
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

    public async Task HandleAsync(HttpContext http)
    {
        var started = Stopwatch.GetTimestamp();
        headers.Set(http);
        var body = requests is null ? null : Count(http);
        int status;
        try
        {
            await next(http);
            status = IsCutOff(http, body) ? ClientGone : http.Response.StatusCode;
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
        if (IsClientGone(http, e))
        {
            http.Abort();
            return ClientGone;
        }

        LogUnexpected(e, http.TraceIdentifier);
        if (http.Response.HasStarted)
        {
            // The client must not take what it has for the whole.
            http.Abort();
            return StatusCodes.Status500InternalServerError;
        }

        http.Response.Clear();
        headers.Set(http);
        await RegistryError.Unknown(http.TraceIdentifier).WriteAsync(http.Response);
        return StatusCodes.Status500InternalServerError;
    }

    /// <summary>The client went away, and has less of the answer than it was promised.</summary>
    private static bool IsCutOff(HttpContext http, CountedBody? body) =>
        body?.Bytes < http.Response.ContentLength && !HttpMethods.IsHead(http.Request.Method)
        && http.RequestAborted.IsCancellationRequested;

    private static bool IsClientGone(HttpContext http, Exception e) =>
        e is OperationCanceledException or ConnectionResetException
        || (e is IOException && http.RequestAborted.IsCancellationRequested);

    [LoggerMessage(Level = LogLevel.Error, Message = "Unexpected error in request {Id}")]
    private partial void LogUnexpected(Exception e, string id);
}
