using Berth.Pages;

namespace Berth.Hosting;

/// <summary>
/// What is asked for outside the APIs and the pages. Open to everyone; it reveals nothing of what is stored.
/// </summary>
internal static class Pages
{
    private static readonly byte[] Missing = "There is no such page. The registry's API is under /v2/.\n"u8.ToArray();

    /// <summary>HAProxy's default health check.</summary>
    public static void Map(IEndpointRouteBuilder routes) => routes.MapMethods("/", ["OPTIONS"], Allow);

    /// <summary>Answers requests that match no route.</summary>
    public static RequestDelegate OrNotFound(RequestDelegate next) => http =>
        http.GetEndpoint() is not null ? next(http)
        : Accepted.Pages(http.Request) ? ProblemPage.AnswerMissingAsync(http)
        : WriteAsync(http, StatusCodes.Status404NotFound, Missing);

    private static Task Allow(HttpContext http)
    {
        http.Response.Headers.Allow = "GET, HEAD, OPTIONS";
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static Task WriteAsync(HttpContext http, int status, byte[] text)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentLength = text.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(text).AsTask();
    }
}
