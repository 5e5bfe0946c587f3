using Berth.Api;
using Microsoft.Net.Http.Headers;

namespace Berth.Pages;

/// <summary>A tag that is changed only if it still is as somebody saw it.</summary>
internal static class SeenTag
{
    /// <summary>
    /// The tag. Pulls change what is told of one, so its ETag says nothing about what was seen: the page says what
    /// counts. From here on, nothing may come between, for which the request gets an If-Match.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="tags">Finds the tag.</param>
    /// <param name="repository">Its repository.</param>
    /// <param name="tag">Its name.</param>
    /// <param name="isSeen">Whether it is as it was seen.</param>
    public static async Task<(TagView? Tag, ApiError? Error)> FindAsync(
        HttpContext http, TagEndpoints tags, string repository, string tag, Func<TagView, bool> isSeen)
    {
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var answer = await tags.GetAsync(http, tag, repository);
        if (answer.Value is not { } view) return (null, answer.Error);
        if (!isSeen(view)) return (null, ApiError.Changed());
        http.Request.Headers.IfMatch = ApiAnswer<TagView>.TagOf(http, view with { ImmutableBy = null });
        return (view, null);
    }
}
