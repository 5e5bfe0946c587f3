using Berth.Access;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Logging;

/// <summary>
/// One line per request, at level info. It contains neither the query nor Authorization, which may hold secrets.
/// <c>log.accesslog.disabled</c> switches it off, as does a <c>log.level</c> above info.
/// </summary>
internal sealed class RequestLog(LogSink sink)
{
    /// <summary>The rest of a longer User-Agent is of no use.</summary>
    private const int MaxAgentChars = 256;

    public void Write(HttpContext http, int status, long bodyBytes, TimeSpan duration)
    {
        var request = http.Request;
        var line = LogLine.Start(sink.Format, LogLevel.Information);
        line.Word("method"u8, request.Method);
        line.Word("path"u8, PathOf(http));
        line.Word("status"u8, status);
        line.Field("bytes"u8, bodyBytes);
        line.Milliseconds("ms"u8, duration);
        line.Field("actor"u8, http.Features.Get<Caller>()?.Name);
        line.Field("client"u8, http.Connection.RemoteIpAddress);
        if (request.Headers.UserAgent is [{ } agent, ..])
        {
            line.Field("agent"u8, agent.AsSpan(0, Math.Min(agent.Length, MaxAgentChars)));
        }

        if (status == StatusCodes.Status201Created)
        {
            line.Field("digest"u8, http.Response.Headers["Docker-Content-Digest"].ToString());
        }

        line.Field("id"u8, http.TraceIdentifier);
        sink.Write(line.End(sink.Format));
    }

    /// <summary>The path as the client sent it, escapes and dots included.</summary>
    private static ReadOnlySpan<char> PathOf(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.AsSpan();
        if (target.IndexOf('?') is >= 0 and var query) target = target[..query];
        return LoggedPath.Of(target is ['/', ..] or "*" ? target : http.Request.Path.Value);
    }
}
