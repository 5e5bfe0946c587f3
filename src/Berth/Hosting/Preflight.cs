using Berth.Settings;

namespace Berth.Hosting;

/// <summary>
/// Answers <c>OPTIONS</c> on every path if <c>http.headers</c> allows other origins: browsers send it, without
/// credentials, before each request that carries them, and only a 2xx counts as a yes (Fetch, "CORS protocol"). The
/// headers themselves are on every response.
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
