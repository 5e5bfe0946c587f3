using Berth.Settings;

namespace Berth.Hosting;

/// <summary>
/// Answers <c>OPTIONS</c> on every path where <c>http.headers</c> lets pages of other origins in: browsers ask so
/// before each request that carries credentials, without them, and take only a 2xx for a yes (Fetch, "CORS protocol").
/// The headers themselves are on every answer.
/// </summary>
internal sealed class Preflight(RequestDelegate next)
{
    public static bool IsWanted(HttpSettings settings) =>
        settings.Headers.Keys.Any(name => name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));

    public Task HandleAsync(HttpContext http)
    {
        if (!HttpMethods.IsOptions(http.Request.Method)) return next(http);
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
