using System.Text.Json;
using Berth.Distribution;

namespace Berth.Hosting;

/// <summary>
/// <c>/healthz</c>: the process is alive. <c>/readyz</c>: it can do its work, and is not about to stop;
/// <c>/readyz?for=pull</c> and <c>?for=push</c> ask about one kind of work. Open to everyone; they reveal nothing else.
/// <c>OPTIONS</c> works too: it is HAProxy's default health check.
/// </summary>
internal sealed class HealthEndpoints(RequestDelegate next, Readiness readiness)
{
    public Task HandleAsync(HttpContext http)
    {
        var path = http.Request.Path.Value;
        if (path is not ("/healthz" or "/readyz")) return next(http);
        var method = http.Request.Method;
        if (!HttpMethods.IsGet(method) && !HttpMethods.IsHead(method))
        {
            http.Response.Headers.Allow = "GET, HEAD, OPTIONS";
            if (!HttpMethods.IsOptions(method))
                return RegistryError.MethodNotAllowed(method).WriteAsync(http.Response);
        }

        return path == "/healthz" ? AnswerAsync(http, problem: null, warning: null) : AnswerReadyAsync(http);
    }

    private async Task AnswerReadyAsync(HttpContext http) =>
        await AnswerAsync(http, await FindProblemAsync(http.Request.Query["for"].ToString()), readiness.FindWarning());

    private async Task<string?> FindProblemAsync(string work) =>
        (work == "push" ? null : await readiness.FindProblemAsync(forPulls: true))
        ?? (work == "pull" ? null : await readiness.FindProblemAsync(forPulls: false));

    private static Task AnswerAsync(HttpContext http, string? problem, string? warning)
    {
        var answer = (problem, warning) switch
        {
            (not null, _) => Write("""{"status":"unavailable","reason":"""u8, problem),
            (_, not null) => Write("""{"status":"ok","warning":"""u8, warning),
            _ => """{"status":"ok"}"""u8.ToArray(),
        };
        var response = http.Response;
        response.StatusCode = problem is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        response.ContentType = "application/json";
        response.Headers.CacheControl = "no-store";
        response.ContentLength = answer.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(answer).AsTask();
    }

    private static byte[] Write(ReadOnlySpan<byte> start, string text) =>
        [.. start, .. "\""u8, .. JsonEncodedText.Encode(text).EncodedUtf8Bytes, .. "\"}"u8];
}
