using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Berth.Identity;

/// <summary>Answers of the pages to sign in with: text for people, JSON for the registry's own scripts.</summary>
internal static class PageAnswer
{
    /// <summary>Some calm sentences of plain text, in which nothing that others wrote can be markup.</summary>
    public static Task WriteTextAsync(HttpContext http, int status, string text, TimeSpan? retryAfter = null)
    {
        if (retryAfter is { } wait) SetRetry(http, wait);
        return WriteAsync(http, status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text + "\n"));
    }

    /// <summary>A page whose forms are for this registry only, and at most with the registry's own script.</summary>
    public static Task WriteHtmlAsync(
        HttpContext http, int status, string title, string body, bool hasScript = false)
    {
        http.Response.Headers.ContentSecurityPolicy =
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
            + "base-uri 'none'" + (hasScript ? "; script-src 'self'; connect-src 'self'" : "");
        return WriteAsync(http, status, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(
            $$"""
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>{{Escape(title)}}</title>
            <style>
              body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
              input, button { font: inherit; padding: .3rem .6rem; margin: .2rem 0 }
              label { display: block; margin: .6rem 0 }
              label input { display: block; box-sizing: border-box; width: 100%; max-width: 22rem }
              table { border-collapse: collapse }
              td, th { text-align: left; padding: .2rem 1rem .2rem 0 }
            </style>
            <h1>{{Escape(title)}}</h1>
            {{body}}
            </html>

            """));
    }

    public static Task WriteJsonAsync(HttpContext http, int status, Action<Utf8JsonWriter> write)
    {
        var answer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(answer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return WriteAsync(http, status, "application/json", answer.WrittenSpan.ToArray());
    }

    /// <summary>An error as the API has it: problem details (RFC 9457).</summary>
    public static Task WriteProblemAsync(
        HttpContext http, int status, string title, string detail, TimeSpan? retryAfter = null)
    {
        if (retryAfter is { } wait) SetRetry(http, wait);
        var answer = WriteJsonAsync(http, status, json =>
        {
            json.WriteString("title", title);
            json.WriteNumber("status", status);
            json.WriteString("detail", detail);
        });
        return answer;
    }

    /// <summary>Why nobody was signed in: a page, or an error for a script.</summary>
    public static Task WriteNotSignedInAsync(
        HttpContext http, bool isPage, int status, string reason, TimeSpan? retryAfter = null) => isPage
            ? WriteTextAsync(http, status, $"You are not signed in: {reason}.\n\nGo back to try again.", retryAfter)
            : WriteProblemAsync(http, status, "Not signed in", reason, retryAfter);

    /// <summary>A script of this program.</summary>
    public static Task WriteScriptAsync(HttpContext http, byte[] script) =>
        WriteAsync(http, StatusCodes.Status200OK, "text/javascript; charset=utf-8", script);

    /// <summary>Sends the browser on with a GET.</summary>
    public static Task RedirectAsync(HttpContext http, string url)
    {
        SetHeaders(http.Response);
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = url;
        return Task.CompletedTask;
    }

    public static string Escape(string text) => HtmlEncoder.Default.Encode(text);

    private static Task WriteAsync(HttpContext http, int status, string type, byte[] body)
    {
        var response = http.Response;
        SetHeaders(response);
        response.StatusCode = status;
        response.ContentType = type;
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, http.RequestAborted).AsTask();
    }

    /// <summary>Answers are about one browser, and addresses of these pages have secrets in them.</summary>
    private static void SetHeaders(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers.XFrameOptions = "DENY";
    }

    private static void SetRetry(HttpContext http, TimeSpan wait) => http.Response.Headers.RetryAfter =
        Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
