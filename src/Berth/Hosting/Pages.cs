using System.Text;

namespace Berth.Hosting;

/// <summary>
/// Everything outside the API, by endpoint routing: a front page for browsers, and a plain 404. Open to everyone; they
/// reveal nothing of what is stored.
/// </summary>
internal static class Pages
{
    private static readonly byte[] Front = Encoding.UTF8.GetBytes(
        """
        This is Berth, a container registry. Its API is under /v2/.

          docker login HOST
          docker tag IMAGE HOST/NAME:TAG
          docker push HOST/NAME:TAG
          docker pull HOST/NAME:TAG

        HOST is this address without http:// or https://, and NAME whatever you like, such as team/app. If there are
        users, it begins with your own name, such as maria/app. To sign in with a browser: /auth/sign-in.

        """);

    private static readonly byte[] Missing = "There is no such page. The registry's API is under /v2/.\n"u8.ToArray();

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/", ["GET", "HEAD"], http => WriteAsync(http, StatusCodes.Status200OK, Front));

        // HAProxy's default health check.
        routes.MapMethods("/", ["OPTIONS"], Allow);
    }

    /// <summary>Answers requests that match no route.</summary>
    public static RequestDelegate OrNotFound(RequestDelegate next) => http =>
        http.GetEndpoint() is null ? WriteAsync(http, StatusCodes.Status404NotFound, Missing) : next(http);

    private static Task Allow(HttpContext http)
    {
        http.Response.Headers.Allow = "GET, HEAD, OPTIONS";
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static Task WriteAsync(HttpContext http, int status, byte[] text)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentLength = text.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(text).AsTask();
    }
}
