using Berth.Settings;
using Microsoft.Extensions.Primitives;

namespace Berth.Hosting;

/// <summary>The headers of every answer: those of <c>http.headers</c>, and the request's id.</summary>
internal sealed class AnswerHeaders(HttpSettings settings)
{
    private readonly KeyValuePair<string, StringValues>[] configured =
        [.. settings.Headers.Select(h => KeyValuePair.Create(h.Key, new StringValues([.. h.Value])))];

    public void Set(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers["X-Request-Id"] = http.TraceIdentifier;
        foreach (var (name, values) in configured) headers[name] = values;
    }
}
