using Berth.Settings;

namespace Berth.Hosting;

/// <summary>
/// Strips <c>http.prefix</c> from paths that have it. Other paths are served too: they come through a proxy that has
/// stripped it, or are health checks.
/// </summary>
internal sealed class PathPrefix(RequestDelegate next, HttpSettings settings)
{
    private readonly PathString prefix = new(settings.Prefix.TrimEnd('/'));

    public Task HandleAsync(HttpContext http)
    {
        var request = http.Request;
        if (request.Path.StartsWithSegments(prefix, out var found, out var rest))
        {
            request.PathBase = found;
            request.Path = rest.HasValue ? rest : "/";
        }

        return next(http);
    }
}
