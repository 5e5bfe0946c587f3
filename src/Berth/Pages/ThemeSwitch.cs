using Berth.Identity;

namespace Berth.Pages;

/// <summary>Light, dark, or as the system has it: kept in a cookie, so that no page flashes in the wrong one.</summary>
internal sealed class ThemeSwitch(BrowserCookies cookies)
{
    public const string Path = "/theme";

    private const string Cookie = "berth-theme";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400);

    /// <summary>What the browser chose; empty for nothing.</summary>
    public static string Of(HttpContext http) =>
        http.RequestServices.GetRequiredService<BrowserCookies>().Find(http.Request, Cookie) is "light" or "dark"
            ? http.RequestServices.GetRequiredService<BrowserCookies>().Find(http.Request, Cookie)! : "";

    public async Task PostAsync(HttpContext http)
    {
        var sent = await PageBody.ReadAsync(http);
        if (sent?.Text("theme") is "light" or "dark")
            cookies.Set(http, Cookie, sent.Text("theme"), "/", Lifetime);
        else
            cookies.Remove(http, Cookie, "/");
        var back = sent?.Text("return") ?? "";
        await PageAnswer.RedirectAsync(http, ReturnPath.IsLocal(back) ? cookies.PathOf(back) : cookies.Root);
    }
}
