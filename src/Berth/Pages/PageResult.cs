using System.IO.Compression;
using Berth.Access;
using Berth.Api;
using Berth.Distribution;
using Berth.Identity;
using Berth.Settings;
using RazorSlices;

namespace Berth.Pages;

/// <summary>Answers a page, in the frame and compressed.</summary>
/// <param name="slice">The page.</param>
/// <param name="status">The HTTP status.</param>
internal sealed class PageResult(RazorSlice slice, int status = StatusCodes.Status200OK) : IResult
{
    public int Status => status;

    /// <summary>Pages use only what the registry itself serves; only scripts in its files run.</summary>
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>Below this, compression saves nothing that the network would notice.</summary>
    private const int SmallBytes = 1024;

    private static readonly TimeSpan LongestCheck = TimeSpan.FromMilliseconds(300);

    /// <summary>What most pages have.</summary>
    private const int UsualBytes = 32 * 1024;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        if (slice is IFramed framed)
        {
            // The title is in the frame's language.
            var frame = await AroundAsync(httpContext);
            framed.Frame = frame;
            framed.Frame = frame with { Title = framed.Title, IsOfSettings = framed.IsOfSettings };
        }

        using var page = new MemoryStream(UsualBytes);
        await slice.RenderAsync(page, PageEncoder.Only, cancellationToken: httpContext.RequestAborted);
        SetHeaders(httpContext.Response);
        httpContext.Response.StatusCode = status;
        await WriteAsync(httpContext, page.GetBuffer().AsMemory(0, (int)page.Length));
    }

    /// <summary>Pages are about one caller at one moment.</summary>
    private static void SetHeaders(HttpResponse response)
    {
        var headers = response.Headers;
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.Vary = "Accept-Encoding";
        response.ContentType = "text/html; charset=utf-8";
    }

    private static async Task WriteAsync(HttpContext http, ReadOnlyMemory<byte> page)
    {
        if (page.Length > SmallBytes && Accepted.Encoding(http.Request, "br"))
        {
            http.Response.Headers.ContentEncoding = "br";
            var packed = new byte[BrotliEncoder.GetMaxCompressedLength(page.Length)];
            page = BrotliEncoder.TryCompress(page.Span, packed, out var length, quality: 4, window: 18)
                ? packed.AsMemory(0, length)
                : throw new InvalidOperationException("a page could not be compressed");
        }

        http.Response.ContentLength = page.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(page, http.RequestAborted);
    }

    private static async ValueTask<Frame> AroundAsync(HttpContext http)
    {
        var services = http.RequestServices;
        var cookies = services.GetRequiredService<BrowserCookies>();
        var caller = http.Features.Get<ApiCaller>();

        // The pages to sign in at find their callers themselves.
        var signedIn = caller is null
            ? await services.GetRequiredService<BrowserSessions>().FindAsync(http) : caller.Caller;
        var address = services.GetRequiredService<Locations>().AbsoluteOf(http, "");
        var auth = services.GetRequiredService<RegistrySettings>().Auth;
        return new Frame(
            Title: "", cookies.PathOf(""), http.Request.Path + http.Request.QueryString.ToString(),
            HostOf(address),
            signedIn is { IsNameless: false } ? signedIn.Name : null,
            auth?.HasAccounts == true,
            caller?.IsStaff == true, ThemeSwitch.Of(http), services.GetRequiredService<TimeProvider>().GetUtcNow(),
            English.Only)
        {
            HasAccount = caller?.Rights.Account is not null && caller.Caller.Kind == CallerKind.User,
            IsAdministrator = caller?.IsAdministrator == true,
            Health = caller?.IsStaff == true ? await HealthAsync(services) : null,
            IsOpenToAll = auth?.Anonymous is AnonymousAccess.Pull or AnonymousAccess.Full,
            IsOverTls = address.StartsWith("https:", StringComparison.OrdinalIgnoreCase),
        };
    }

    /// <summary>What the checks of this node say now: no page waits for one that hangs.</summary>
    private static async ValueTask<string> HealthAsync(IServiceProvider services)
    {
        var health = services.GetRequiredService<RegistryHealth>();
        try
        {
            var problem = await health.FindProblemAsync(false).WaitAsync(
                LongestCheck, services.GetRequiredService<TimeProvider>());
            return problem is not null ? "unavailable" : health.FindWarning() is not null ? "warning" : "ok";
        }
        catch (TimeoutException)
        {
            return "warning";
        }
    }

    /// <summary>What clients write before the names of images: no scheme, and no path, since they ask at the root.
    /// </summary>
    private static string HostOf(string address) =>
        address[(address.IndexOf("://", StringComparison.Ordinal) + 3)..].Split('/')[0];
}
