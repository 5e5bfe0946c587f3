using Berth.Oci;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Berth.Pages;

/// <summary>What a page below <c>/r/</c> is about.</summary>
internal enum PageSubject
{
    Repository,
    Image,
}

/// <summary>
/// The address of a page about a repository or an image, written as clients write them: <c>/r/NAME</c>,
/// <c>/r/NAME:TAG</c> or <c>/r/NAME@DIGEST</c>; after <c>/-/</c>, which no name contains, comes the page of it. Names
/// have slashes, which a pattern of routes has no words for, so this tells the routes with the same pattern apart.
/// </summary>
/// <param name="subject">What the page is about.</param>
/// <param name="page">Which page of it; empty for the first.</param>
/// <param name="hasRest">Whether a path in the image follows.</param>
internal sealed class PagePath(PageSubject subject, string page, bool hasRest) : IRouteConstraint
{
    public const string Prefix = "/r/";

    private const string Key = "path";
    private const string Mark = "/-/";

    /// <summary>The pattern of a page's route.</summary>
    public static RoutePattern PatternOf(PageSubject subject, string page, bool hasRest = false) =>
        RoutePatternFactory.Pattern(
            Prefix + "{**" + Key + "}",
            RoutePatternFactory.Segment(RoutePatternFactory.LiteralPart("r")),
            RoutePatternFactory.Segment(RoutePatternFactory.ParameterPart(
                Key, @default: null, RoutePatternParameterKind.CatchAll,
                [RoutePatternFactory.ParameterPolicy(new PagePath(subject, page, hasRest))])));

    public bool Match(
        HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values,
        RouteDirection routeDirection)
    {
        if (values[Key] is not string path) return false;
        var mark = path.IndexOf(Mark, StringComparison.Ordinal);
        var (named, below) = mark < 0 ? (path, "") : (path[..mark], path[(mark + Mark.Length)..]);
        var rest = "";
        if (hasRest && below.StartsWith(page + "/", StringComparison.Ordinal))
            (below, rest) = (page, below[(page.Length + 1)..]);
        if (below != page) return false;

        // A digest has a colon too, and a name neither.
        var cut = named.IndexOfAny(['@', ':']);
        if (cut < 0 != (subject == PageSubject.Repository)) return false;
        values.Remove(Key);
        values["name"] = cut < 0 ? named : named[..cut];
        if (cut >= 0) values["reference"] = named[(cut + 1)..];
        if (hasRest) values["rest"] = rest;
        return true;
    }

    /// <summary>The same, for people.</summary>
    public static string Shown(PageSubject subject, string page) =>
        Prefix + (subject == PageSubject.Image ? "{name}:{reference}" : "{name}")
        + (page.Length > 0 ? Mark + page : "");

    /// <summary>The path of a page of a repository.</summary>
    public static string Of(string repository, string page = "") =>
        Prefix + repository + (page.Length > 0 ? Mark + page : "");

    /// <summary>The path of a page of an image, by a tag or a digest.</summary>
    public static string OfImage(string repository, string reference, string page = "") =>
        Prefix + repository + (Digest.TryParse(reference, out _) ? "@" : ":") + reference
        + (page.Length > 0 ? Mark + page : "");
}
