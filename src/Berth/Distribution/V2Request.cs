using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Microsoft.Net.Http.Headers;

namespace Berth.Distribution;

/// <summary>One request to the API, with its path validated and its sender known.</summary>
internal sealed record V2Request(HttpContext Http, V2Target Target, Caller Caller)
{
    public RepositoryName Repository => Target.Repository;

    public HttpResponse Response => Http.Response;

    /// <summary>Who changes something with it.</summary>
    public Actor Actor => new(Caller.Name, ClientNetwork.AddressOf(Http));

    public CancellationToken Aborted => Http.RequestAborted;

    /// <summary>The first value of a query parameter, or null.</summary>
    public string? Query(string name) => Http.Request.Query[name] is [{ } value, ..] ? value : null;

    /// <summary>Answers without a body.</summary>
    public void Answer(int status)
    {
        Response.StatusCode = status;
        if (status is not (StatusCodes.Status204NoContent or StatusCodes.Status304NotModified))
        {
            Response.ContentLength = 0;
        }
    }

    /// <summary>
    /// Removes headers that describe content which is not sent: nobody may cache an error as that content.
    /// </summary>
    public void ForgetContent() => ForgetContent(Response.Headers);

    public static void ForgetContent(IHeaderDictionary headers)
    {
        headers.CacheControl = "no-store";
        headers.Remove(HeaderNames.ETag);
        headers.Remove(HeaderNames.AcceptRanges);
        headers.Remove(HeaderNames.ContentRange);
        headers.Remove("Docker-Content-Digest");
    }

    /// <summary>Pushed content is data: no browser may sniff its type or run anything in it.</summary>
    public void SetInert()
    {
        Response.Headers.XContentTypeOptions = "nosniff";
        Response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'";
    }

    public void SetDigest(Digest digest) => Response.Headers["Docker-Content-Digest"] = digest.Text;

    /// <summary>True if the request's If-Match does not match this content (RFC 9110, 13.1.1).</summary>
    public bool IsNotWhatMatches(string etag)
    {
        var wanted = Http.Request.Headers.IfMatch;
        foreach (var value in wanted)
        {
            if (value is not null && EntityTags.Match(value, etag)) return false;
        }

        return wanted.Count > 0;
    }

    /// <summary>True if If-None-Match names this content: the client already has it (RFC 9110, 13.1.2).</summary>
    public bool IsNotModified(string etag)
    {
        foreach (var value in Http.Request.Headers.IfNoneMatch)
        {
            if (value is not null && EntityTags.Match(value, etag)) return true;
        }

        return false;
    }
}

/// <summary>Lists of entity tags as in If-Match and If-None-Match (RFC 9110, 8.8.3).</summary>
internal static class EntityTags
{
    public static string Of(Digest digest) => $"\"{digest.Text}\"";

    /// <summary>
    /// True if the list is <c>*</c> or contains the tag. Weak tags match too, since content under a digest never
    /// changes.
    /// </summary>
    public static bool Match(ReadOnlySpan<char> list, ReadOnlySpan<char> etag)
    {
        foreach (var part in list.Split(','))
        {
            var candidate = list[part].Trim();
            if (candidate is "*") return true;
            if (candidate.StartsWith("W/", StringComparison.Ordinal)) candidate = candidate[2..];
            if (candidate.SequenceEqual(etag)) return true;
        }

        return false;
    }
}
