using Berth.Api;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Berth.Pages;

/// <summary>
/// All pages, and the right that each requires. The table is their documentation. What a page shows or does, the API
/// does too: pages call its handlers, pass the same gate, and leave the same notes in the audit log.
/// </summary>
internal static class PageRoutes
{
    /// <summary>The largest readme, of characters that a form needs three for, or a thousand long tags.</summary>
    public const int MaxLongForm = 256 * 1024;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        var home = services.GetRequiredService<HomePages>();
        Add(
            routes, RoutePatternFactory.Parse("/"), "/", ApiRight.Visible, home.ShowAsync,
            http => Accepted.Pages(http.Request) ? null : HomePages.AnswerProgramAsync(http));
        Page("/explore", ApiRight.Visible, home.ExploreAsync);
        Page("/search", ApiRight.Visible, services.GetRequiredService<SearchPages>().ShowAsync);
        Page(NewRepositoryPages.Path, ApiRight.SignedIn, NewRepositoryPages.ShowAsync);
        AddForm(
            routes, RoutePatternFactory.Parse(NewRepositoryPages.Path), NewRepositoryPages.Path, ApiRight.SignedIn,
            "POST /api/v1/repositories", services.GetRequiredService<NewRepositoryPages>().AddAsync);
        var repository = services.GetRequiredService<RepositoryPages>();
        Below(PageSubject.Repository, "", ApiRight.Pull, repository.ShowAsync);
        Below(PageSubject.Repository, "access", ApiRight.Pull, repository.ShowAccessAsync);
        Form(routes, PageSubject.Repository, "star", ApiRight.Self, "PUT /api/v1/stars/{name}", repository.StarAsync);
        MapImages(routes, services);
        MapChanges(routes, services.GetRequiredService<RepositoryChangePages>());
        MapTags(routes, services.GetRequiredService<TagChangePages>());
        SettingsRoutes.Map(routes);
        routes.MapPost(ThemeSwitch.Path, services.GetRequiredService<ThemeSwitch>().PostAsync);

        void Page(string path, ApiRight right, Func<HttpContext, Task<IResult>> show) =>
            Add(routes, RoutePatternFactory.Parse(path), path, right, show);

        void Below(PageSubject subject, string page, ApiRight right, Func<HttpContext, Task<IResult>> show) =>
            PageRoutes.Below(routes, subject, page, right, show);
    }

    private static void MapImages(IEndpointRouteBuilder routes, IServiceProvider services)
    {
        var (pages, files) = (
            services.GetRequiredService<ImagePages>(), services.GetRequiredService<ImageFilePages>());
        var packages = services.GetRequiredService<ImagePackagePages>();
        Show("", pages.ShowAsync);
        Show("layer", pages.ShowLayerAsync);
        Show("history", pages.ShowHistoryAsync);
        Form(routes, PageSubject.Image, "history", ApiRight.Push, "PUT /api/v1/tags/{tag}", pages.MoveAsync);
        Show("referrers", pages.ShowReferrersAsync);
        Show("json", pages.ShowJsonAsync);
        Show("files", files.ShowAsync);
        Show("picture", files.ShowPictureAsync);
        Show("compare", files.CompareAsync);
        Show("packages", packages.ShowAsync);
        Show("sbom", packages.DownloadAsync);
        var vulnerabilities = services.GetRequiredService<ImageVulnerabilityPages>();
        Show(ImageVulnerabilityPages.Tab, vulnerabilities.ShowAsync);
        Show("vulnerabilities.csv", vulnerabilities.DownloadAsync);
        Show(ImageScannerPages.Page, services.GetRequiredService<ImageScannerPages>().ShowAsync);

        void Show(string page, Func<HttpContext, Task<IResult>> show) =>
            Below(routes, PageSubject.Image, page, ApiRight.Pull, show);
    }

    private static void MapChanges(IEndpointRouteBuilder routes, RepositoryChangePages pages)
    {
        const string Changed = "PATCH /api/v1/repositories/{name}";
        Below(routes, PageSubject.Repository, RepositoryChangePages.Settings, ApiRight.Manage, pages.ShowAsync);
        Form(
            routes, PageSubject.Repository, RepositoryChangePages.Settings, ApiRight.Manage, Changed,
            pages.ChangeAsync, MaxLongForm);
        Form(
            routes, PageSubject.Repository, RepositoryChangePages.Move, ApiRight.SignedIn,
            "POST /api/v1/repositories/moves", pages.MoveAsync);
        Below(routes, PageSubject.Repository, RepositoryChangePages.Remove, ApiRight.Delete, pages.AskRemovalAsync);
        Form(
            routes, PageSubject.Repository, RepositoryChangePages.Remove, ApiRight.Delete,
            "DELETE /api/v1/repositories/{name}", pages.RemoveAsync);
    }

    private static void MapTags(IEndpointRouteBuilder routes, TagChangePages pages)
    {
        const string Put = "PUT /api/v1/tags/{tag}";
        Below(routes, PageSubject.Image, TagChangePages.Change, ApiRight.Pull, pages.ShowAsync);
        Form(
            routes, PageSubject.Image, TagChangePages.Change, ApiRight.Delete, "PATCH /api/v1/tags/{tag}",
            pages.ChangeAsync);
        Form(routes, PageSubject.Image, TagChangePages.Point, ApiRight.Push, Put, pages.PointAsync);
        Form(routes, PageSubject.Image, TagChangePages.Copy, ApiRight.Push, Put, pages.CopyAsync);
        Below(routes, PageSubject.Repository, TagChangePages.Compare, ApiRight.Pull, TagChangePages.CompareAsync);
        Below(routes, PageSubject.Repository, TagChangePages.Delete, ApiRight.Delete, pages.AskRemovalAsync);
        Form(
            routes, PageSubject.Repository, TagChangePages.Delete, ApiRight.Delete, "DELETE /api/v1/tags/{tag}",
            pages.RemoveAsync, MaxLongForm);
    }

    private static void Below(
        IEndpointRouteBuilder routes, PageSubject subject, string page, ApiRight right,
        Func<HttpContext, Task<IResult>> show) =>
        Add(routes, PagePath.PatternOf(subject, page), PagePath.Shown(subject, page), right, show);

    private static void Form(
        IEndpointRouteBuilder routes, PageSubject subject, string page, ApiRight right, string notedAs,
        Func<HttpContext, Task<IResult>> change, int? maxBytes = null) => AddForm(
            routes, PagePath.PatternOf(subject, page), PagePath.Shown(subject, page), right, notedAs, change, maxBytes);

    /// <summary>Adds a page.</summary>
    /// <param name="routes">The routes.</param>
    /// <param name="pattern">Its address.</param>
    /// <param name="shown">The same, for people.</param>
    /// <param name="right">Who may see it.</param>
    /// <param name="answer">Shows it.</param>
    /// <param name="first">What answers instead, for some requests.</param>
    /// <param name="notedAs">The API's route that it reads, if staff's reading of that is noted.</param>
    /// <param name="isUnnoted">Whether it is looked at again and again, and tells nothing of anybody.</param>
    public static void Add(
        IEndpointRouteBuilder routes, RoutePattern pattern, string shown, ApiRight right,
        Func<HttpContext, Task<IResult>> answer, Func<HttpContext, Task?>? first = null, string? notedAs = null,
        bool isUnnoted = false)
    {
        var required = new RequiredRight(right);
        var behind = Behind(required, answer);
        var added = routes.Map(pattern, http => first?.Invoke(http) ?? behind(http)).WithMetadata(
            new HttpMethodMetadata(["GET", "HEAD"]), new PageAddress(shown), required, ProblemPage.Instead);
        if (notedAs is not null) added.WithMetadata(new NotedAs(notedAs));
        if (isUnnoted) added.WithMetadata(new IsUnnoted());
    }

    /// <summary>Adds a form: what changes something stands for a route of the API, and requires the same.</summary>
    public static void AddForm(
        IEndpointRouteBuilder routes, RoutePattern pattern, string shown, ApiRight right, string notedAs,
        Func<HttpContext, Task<IResult>> change, int? maxBytes = null)
    {
        var added = routes.Map(pattern, Behind(new RequiredRight(right), change)).WithMetadata(
            new HttpMethodMetadata(["POST"]), new PageAddress(shown), new NotedAs(notedAs), new RequiredRight(right),
            ProblemPage.Instead);
        if (maxBytes is { } bytes) added.WithMetadata(new LargestBody(bytes));
    }

    /// <summary>Answers whoever has the right.</summary>
    private static RequestDelegate Behind(RequiredRight required, Func<HttpContext, Task<IResult>> answer) =>
        http => http.RequestServices.GetRequiredService<ApiGate>().HandleAsync(
            http, required,
            async context =>
            {
                var result = await answer(context);
                if (result is PageResult { Status: StatusCodes.Status404NotFound }
                    && await ProblemPage.LeadToNewNameAsync(context))
                {
                    return;
                }

                await result.ExecuteAsync(context);
            });
}

/// <summary>The address of a page, for people.</summary>
internal sealed record PageAddress(string Path);
