using Berth.Api;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Berth.Pages;

/// <summary>
/// All pages, and the right that each requires. The table is their documentation. What a page shows or does, the API
/// does too: pages call its handlers, pass the same gate, and leave the same notes in the audit log.
/// </summary>
internal static class PageRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var home = services.GetRequiredService<HomePages>();
        Add(
            routes, RoutePatternFactory.Parse("/"), "/", ApiRight.Visible, home.ShowAsync,
            http => Accepted.Pages(http.Request) ? null : HomePages.AnswerProgramAsync(http));
        Page("/explore", ApiRight.Visible, home.ExploreAsync);
        Page("/search", ApiRight.Visible, services.GetRequiredService<SearchPages>().ShowAsync);
        var repository = services.GetRequiredService<RepositoryPages>();
        Below(PageSubject.Repository, "", ApiRight.Pull, repository.ShowAsync);
        Below(PageSubject.Image, "", ApiRight.Pull, repository.ShowImageAsync);
        Form(PageSubject.Repository, "star", ApiRight.Self, "PUT /api/v1/stars/{name}", repository.StarAsync);
        routes.MapPost(ThemeSwitch.Path, services.GetRequiredService<ThemeSwitch>().PostAsync);

        void Page(string path, ApiRight right, Func<HttpContext, Task<IResult>> show) =>
            Add(routes, RoutePatternFactory.Parse(path), path, right, show);

        void Form(
            PageSubject subject, string page, ApiRight right, string notedAs,
            Func<HttpContext, Task<IResult>> change) => routes.Map(
                PagePath.PatternOf(subject, page), Behind(new RequiredRight(right), change)).WithMetadata(
                    new HttpMethodMetadata(["POST"]), new PageAddress(PagePath.Shown(subject, page)),
                    new NotedAs(notedAs), new RequiredRight(right), ProblemPage.Instead);

        void Below(PageSubject subject, string page, ApiRight right, Func<HttpContext, Task<IResult>> show) =>
            Add(routes, PagePath.PatternOf(subject, page), PagePath.Shown(subject, page), right, show);
    }

    private static void Add(
        IEndpointRouteBuilder routes, RoutePattern pattern, string shown, ApiRight right,
        Func<HttpContext, Task<IResult>> answer, Func<HttpContext, Task?>? first = null)
    {
        var required = new RequiredRight(right);
        var behind = Behind(required, answer);
        routes.Map(pattern, http => first?.Invoke(http) ?? behind(http)).WithMetadata(
            new HttpMethodMetadata(["GET", "HEAD"]), new PageAddress(shown), required, ProblemPage.Instead);
    }

    /// <summary>Answers whoever has the right.</summary>
    private static RequestDelegate Behind(RequiredRight required, Func<HttpContext, Task<IResult>> answer) =>
        http => http.RequestServices.GetRequiredService<ApiGate>().HandleAsync(
            http, required, async context => await (await answer(context)).ExecuteAsync(context));
}

/// <summary>The address of a page, for people.</summary>
internal sealed record PageAddress(string Path);
