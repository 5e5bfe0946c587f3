using Berth.Pages;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.BrowserTests;

/// <summary>The program's own table of pages and forms.</summary>
internal static class PageRoutes
{
    /// <summary>What answers GET under <c>/auth</c> and is no page.</summary>
    private static readonly string[] NotPages =
        ["/auth/session", "/auth/passkeys.js", "/auth/{system}/start", "/auth/{system}/callback"];

    public static bool IsOfSignIn(string route) => route.StartsWith("/auth/", StringComparison.Ordinal);

    public static IEnumerable<RouteEndpoint> All(FilledRegistry filled) =>
        filled.Registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    public static IEnumerable<string> PagesOf(FilledRegistry filled) => All(filled)
        .Where(route => MethodsOf(route).Contains("GET"))
        .Select(route => route.Metadata.GetMetadata<PageAddress>()?.Path
            ?? "/" + route.RoutePattern.RawText!.TrimStart('/'))
        .Where(path => !NotPages.Contains(path))
        .Where(path => IsOfSignIn(path) || All(filled).Any(
            route => route.Metadata.GetMetadata<PageAddress>()?.Path == path))
        .Distinct().Order(StringComparer.Ordinal);

    public static IEnumerable<string> FormsOf(FilledRegistry filled) => All(filled)
        .Where(route => MethodsOf(route).Contains("POST"))
        .Select(route => route.Metadata.GetMetadata<PageAddress>()?.Path).OfType<string>()
        .Distinct().Order(StringComparer.Ordinal);

    public static IReadOnlyList<string> MethodsOf(RouteEndpoint route) =>
        route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [];
}
