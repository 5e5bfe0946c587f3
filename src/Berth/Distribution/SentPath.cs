using System.Globalization;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Distribution;

/// <summary>
/// The path of a request as the client sent it. In the server's own <see cref="HttpRequest.Path"/>, <c>..</c> is
/// already resolved, so it may name another repository than the one that the client, or a proxy that authorizes by
/// path, saw. Here escapes are decoded once, including <c>%2F</c>, repeated slashes count as one, and dot segments
/// stay: no name contains them.
/// </summary>
internal static class SentPath
{
    /// <summary>
    /// False if an escape is invalid (RFC 3986, 2.1). <paramref name="path"/> is empty if the target is not a path
    /// (<c>OPTIONS *</c>), and otherwise lacks the prefix that the pipeline has stripped.
    /// </summary>
    public static bool TryRead(HttpContext http, out string path)
    {
        var (request, raw) = (http.Request, http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        var prefix = request.PathBase.Value ?? "";
        path = request.Path.Value ?? "";
        if (IsAsSent(raw, prefix, path)) return true;
        var isSound = TryDecode(PathOf(raw), out path);
        if (path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) path = path[prefix.Length..];
        return isSound;
    }

    /// <summary>Undoes that the server resolved dots, so that such a path is nobody's.</summary>
    public static void KeepDots(HttpContext http)
    {
        if (!TryRead(http, out var path) || path == http.Request.Path.Value) return;
        foreach (var segment in path.AsSpan().Split('/'))
        {
            if (path.AsSpan()[segment] is not ("." or "..")) continue;
            http.Request.Path = path;
            return;
        }
    }

    /// <summary>Nothing was decoded, resolved or removed: the ordinary case, which copies nothing.</summary>
    private static bool IsAsSent(ReadOnlySpan<char> raw, ReadOnlySpan<char> prefix, ReadOnlySpan<char> path)
    {
        if (!raw.StartsWith(prefix, StringComparison.Ordinal)) return false;
        raw = raw[prefix.Length..];
        return raw.StartsWith(path, StringComparison.Ordinal) && (raw.Length == path.Length || raw[path.Length] == '?')
            && !path.Contains('%') && path.IndexOf("//") < 0;
    }

    /// <summary>The path of <c>/a?b</c> and of <c>http://host/a?b</c> (RFC 9112, 3.2), or nothing.</summary>
    private static ReadOnlySpan<char> PathOf(ReadOnlySpan<char> target)
    {
        if (target.IndexOf('?') is >= 0 and var query) target = target[..query];
        if (target is ['/', ..]) return target;
        if (target.IndexOf("://") is not (> 0 and var scheme)) return [];
        target = target[(scheme + 3)..];
        return target.IndexOf('/') is >= 0 and var slash ? target[slash..] : "/";
    }

    /// <summary>Non-ASCII bytes become non-ASCII characters, whichever they are: no name has any.</summary>
    private static bool TryDecode(ReadOnlySpan<char> sent, out string path)
    {
        var (text, length, isSound) = (new char[sent.Length], 0, true);
        for (var i = 0; i < sent.Length; i++)
        {
            var c = sent[i];
            if (c == '%')
            {
                if (byte.TryParse(
                    sent.Slice(i + 1, Math.Min(2, sent.Length - i - 1)), NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture, out var value) && i + 2 < sent.Length)
                {
                    (c, i) = ((char)value, i + 2);
                }
                else
                {
                    isSound = false;
                }
            }

            if (c != '/' || length == 0 || text[length - 1] != '/') text[length++] = c;
        }

        path = new string(text, 0, length);
        return isSound;
    }
}
