using Berth.Identity;

namespace Berth.Pages;

/// <summary>What forms of pages have in common.</summary>
internal static class PageForms
{
    /// <summary>After a change, a page that can be loaded again without repeating it.</summary>
    public static IResult BackTo(HttpContext http, string path) => new SeeOther(
        http.RequestServices.GetRequiredService<BrowserCookies>().PathOf(path));

    private sealed class SeeOther(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => PageAnswer.RedirectAsync(httpContext, path);
    }
}
