using Berth.Settings;

namespace Berth.Hosting;

/// <summary>
/// Takes <c>http.prefix</c> off the paths that have it. The others are answered too: they come through a proxy that
/// has taken it off, or ask for the node's health.
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
