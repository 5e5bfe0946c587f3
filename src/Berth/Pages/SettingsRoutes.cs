using Berth.Api;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Berth.Pages;

/// <summary>
/// The pages of settings: where each is, the right that it requires, and the route of the API that it stands for, under
/// which the audit log has it.
/// </summary>
internal static partial class SettingsRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        MapYou(new Table(routes));
        MapRegistry(new Table(routes));
    }

    private static void MapYou(Table table)
    {
        var profile = table.Get<ProfilePages>();
        table.Page("/settings/profile", ApiRight.SignedIn, "GET /api/v1/me", profile.ShowAsync);
        table.Form("/settings/profile", ApiRight.Self, "PATCH /api/v1/me", profile.ChangeAsync);
    }

    /// <summary>Adds rows to the table.</summary>
    private sealed class Table(IEndpointRouteBuilder routes)
    {
        public T Get<T>()
            where T : class => routes.ServiceProvider.GetRequiredService<T>();

        public void Page(string path, ApiRight right, string notedAs, Func<HttpContext, Task<IResult>> show) =>
            PageRoutes.Add(routes, RoutePatternFactory.Parse(path), path, right, show, notedAs: notedAs);

        /// <summary>A page that is looked at again and again, and tells nothing of anybody.</summary>
        public void Watched(string path, ApiRight right, Func<HttpContext, Task<IResult>> show) =>
            PageRoutes.Add(routes, RoutePatternFactory.Parse(path), path, right, show, isUnnoted: true);

        public void Form(string path, ApiRight right, string notedAs, Func<HttpContext, Task<IResult>> change) =>
            PageRoutes.AddForm(routes, RoutePatternFactory.Parse(path), path, right, notedAs, change);

        /// <summary>A change that something is lost with: a page that asks, and the form on it.</summary>
        public void Confirmed(
            string path, ApiRight right, string notedAs, Func<HttpContext, Task<IResult>> ask,
            Func<HttpContext, Task<IResult>> change)
        {
            Page(path, right, $"GET {path}", ask);
            Form(path, right, notedAs, change);
        }
    }
}
