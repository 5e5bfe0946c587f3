using Berth.Api;

namespace Berth.Pages;

/// <summary>A page of a list, and where the next one is.</summary>
/// <param name="Items">What is on it.</param>
/// <param name="Next">The next page's address; null for the last.</param>
/// <param name="IsFirst">Whether it is the first.</param>
internal sealed record PageList<T>(IReadOnlyList<T> Items, string? Next, bool IsFirst)
{
    /// <summary>Of what the API listed: it says in a header where the next page is, with the filters in it.</summary>
    public static PageList<T> Of(HttpContext http, Listed<T> listed)
    {
        var link = http.Response.Headers.Link.ToString();
        http.Response.Headers.Remove("Link");
        var end = link.IndexOf('>', StringComparison.Ordinal);
        return new PageList<T>(
            listed.Items, end > 1 ? link[1..end] : null, !http.Request.Query.ContainsKey("last"));
    }
}
