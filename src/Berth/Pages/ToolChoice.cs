using Berth.Identity;

namespace Berth.Pages;

/// <summary>With which tool somebody pulls: in the address, and then in a cookie.</summary>
internal sealed class ToolChoice(BrowserCookies cookies)
{
    private const string Cookie = "berth-tool";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400);

    /// <summary>The tool that was chosen now or before; empty for none.</summary>
    public string Take(HttpContext http)
    {
        var asked = http.Request.Query["tool"].ToString();
        if (PullCommands.IsTool(asked))
        {
            cookies.Set(http, Cookie, asked, "/", Lifetime);
            return asked;
        }

        return cookies.Find(http.Request, Cookie) is { } kept && PullCommands.IsTool(kept) ? kept : "";
    }
}
