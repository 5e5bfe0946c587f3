using System.Globalization;
using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Api;

/// <summary>Who asks, and what they may do in the registry as a whole.</summary>
/// <param name="Caller">Who.</param>
/// <param name="Rights">What they may do in repositories.</param>
/// <param name="IsAdministrator">Whether they may do everything.</param>
internal sealed record ApiCaller(Caller Caller, CallerRights Rights, bool IsAdministrator)
{
    /// <summary>Whether they may see everything.</summary>
    public bool IsStaff => IsAdministrator || Rights.Account?.Role == RegistryRole.Auditor;

    /// <summary>Whether they may see everything that lists have: a token may be limited to less than its owner may.
    /// </summary>
    public bool SeesAll => IsAdministrator && Caller.Limits is null;

    /// <summary>Whether it is a command on the machine itself, which can do everything anyway.</summary>
    public bool IsOperator => Caller.Method == SignInMethod.Console;

    public string Name => Caller.Name;
}

/// <summary>A page of a list, as a request asks for it: <c>?n=…&amp;last=…</c>.</summary>
/// <param name="Last">Only what comes after this.</param>
/// <param name="Count">The most entries.</param>
internal readonly record struct Page(string Last, int Count)
{
    /// <summary>A page without n: a screenful or two.</summary>
    public const int UsualEntries = 100;

    /// <summary>The largest n: what distribution's catalog has.</summary>
    public const int MostEntries = 1000;

    /// <summary>The last entry's number, where a list is ordered by numbers.</summary>
    public long LastId =>
        long.TryParse(Last, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0;
}

/// <summary>What handlers need of a request.</summary>
internal static class ApiRequest
{
    /// <summary>The version of what is only made and removed, and never changes.</summary>
    public const long OnlyVersion = 1;

    /// <summary>Who asks. <see cref="ApiGate"/> has found them.</summary>
    public static ApiCaller Caller(this HttpContext http) => http.Features.GetRequiredFeature<ApiCaller>();

    /// <summary>The name of a user, as far as the caller may know it: whoever is not signed in is told none.</summary>
    public static string? NameFor(this HttpContext http, string? user) =>
        http.Caller().Caller.IsNameless && user != http.Caller().Name ? null : user;

    /// <summary>Who changes something with the request.</summary>
    public static Actor Actor(this HttpContext http) => new(http.Caller().Name, ClientNetwork.AddressOf(http));

    /// <summary>The page that is asked for. A number of entries that is none was refused before.</summary>
    public static Page Page(this HttpContext http)
    {
        var query = http.Request.Query;
        var count = int.TryParse(query["n"], NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? Math.Clamp(n, 1, Api.Page.MostEntries) : Api.Page.UsualEntries;

        // No name contains a NUL; PostgreSQL rejects them.
        return new Page(query["last"].ToString().Split('\0')[0], count);
    }

    /// <summary>
    /// Answers a page of what was read with one entry more than it holds, which tells whether there are more.
    /// </summary>
    public static Listed<T> Answer<T>(
        this HttpContext http, Page page, List<T> read, Func<T, string> keyOf, string? end = null)
    {
        if (read.Count <= page.Count && end is null) return new Listed<T>(read);
        if (read.Count > page.Count)
        {
            read.RemoveRange(page.Count, read.Count - page.Count);
            end = keyOf(read[^1]);
        }

        var query = string.Concat(http.Request.Query
            .Where(pair => pair.Key is not ("n" or "last"))
            .Select(pair => $"&{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value.ToString())}"));
        var locations = http.RequestServices.GetRequiredService<Locations>();
        var next = locations.Of(
            http,
            $"{http.Request.Path.ToUriComponent()}?n={page.Count}&last={Uri.EscapeDataString(end!)}{query}");
        http.Response.Headers.Link = $"<{next}>; rel=\"next\"";
        return new Listed<T>(read);
    }

    /// <summary>Whether a change applies to this version: If-Match names it, or is missing (RFC 9110).</summary>
    public static bool IsFor(this HttpContext http, long version) => http.IsFor(TagOf(version));

    /// <summary>The same for something that has no version: all that is shown of it counts.</summary>
    public static bool IsFor<T>(this HttpContext http, T shown)
        where T : class => http.HasCondition() is false || http.IsFor(ApiAnswer<T>.TagOf(http, shown));

    /// <summary>Whether a change is only for what there already is.</summary>
    public static bool HasCondition(this HttpContext http) => http.Request.Headers.IfMatch.Count > 0;

    /// <summary>The ETag of a version.</summary>
    public static string TagOf(long version) => $"\"{version}\"";

    private static bool IsFor(this HttpContext http, string tag)
    {
        var values = http.Request.Headers.IfMatch;
        return values.Count == 0 || values.ToString().Split(',').Select(sent => sent.Trim())
            .Any(sent => sent == "*" || sent == tag);
    }
}
