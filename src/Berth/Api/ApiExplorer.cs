extern alias Explorer;
using System.Text;
using Explorer::Scalar.AspNetCore;

namespace Berth.Api;

/// <summary>
/// <c>/api/v1/docs</c>: a page to read the API's description on, and to try it. Everything comes from the program, and
/// the browser is told to load nothing from elsewhere.
/// </summary>
internal static class ApiExplorer
{
    /// <summary>The page's own program styles what it makes, and keeps settings in the browser.</summary>
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        + "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    private static readonly byte[] Page = Encoding.UTF8.GetBytes(
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Berth API</title>
        </head>
        <body>
        <noscript>This page needs JavaScript. It shows <a href="openapi.json">openapi.json</a>.</noscript>
        <div id="app"></div>
        <script src="docs/scalar.js"></script>
        <script src="docs/start.js"></script>
        </body>
        </html>
        """);

    private static readonly byte[] Start =
        """
        Scalar.createApiReference('#app', {
          url: 'openapi.json',
          withDefaultFonts: false,
          telemetry: false,
          agent: { disabled: true },
          mcp: { disabled: true },
          showDeveloperTools: 'never',
          hideClientButton: true,
        });
        """u8.ToArray();

    public static void Map(IEndpointRouteBuilder routes)
    {
        var open = new RequiredRight(ApiRight.Everyone);
        routes.MapGet("/docs", http => AnswerAsync(http, "text/html; charset=utf-8", Page)).WithMetadata(open);
        routes.MapGet("/docs/start.js", http => AnswerAsync(http, "text/javascript", Start)).WithMetadata(open);
        routes.MapGet("/docs/scalar.js", AnswerScriptAsync).WithMetadata(open);
    }

    private static async Task AnswerAsync(HttpContext http, string type, byte[] body)
    {
        SetHeaders(http.Response, type);
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    /// <summary>The library has it compressed, and every browser takes it so.</summary>
    private static async Task AnswerScriptAsync(HttpContext http)
    {
        using var script = typeof(ScalarOptions).Assembly.GetManifestResourceStream("ScalarStaticAssets.scalar.js")!;
        SetHeaders(http.Response, "text/javascript");
        http.Response.Headers.ContentEncoding = "gzip";
        http.Response.ContentLength = script.Length;
        await script.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    private static void SetHeaders(HttpResponse response, string type)
    {
        ApiGate.SetHeaders(response);
        response.Headers.ContentSecurityPolicy = Policy;
        response.ContentType = type;
    }
}
