using Berth.Access;
using Berth.Oci;

namespace Berth.Distribution;

/// <summary>One request to the API, its path checked and its sender known.</summary>
internal sealed record V2Request(HttpContext Http, V2Target Target, Actor Actor)
{
    public RepositoryName Repository => Target.Repository;

    public HttpResponse Response => Http.Response;

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

    public void SetDigest(Digest digest) => Response.Headers["Docker-Content-Digest"] = digest.Text;

    /// <summary>True if the client named this content in If-None-Match: it has it already (RFC 9110, 13.1.2).</summary>
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
    /// True if the list is <c>*</c> or has the tag; weak ones count, since content under a digest never differs.
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
