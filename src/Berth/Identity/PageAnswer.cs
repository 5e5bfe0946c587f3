using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Berth.Identity;

/// <summary>Answers of the pages to sign in with: text for people, JSON for the registry's own scripts.</summary>
internal static class PageAnswer
{
    /// <summary>Some calm sentences: a page for browsers, plain text for programs.</summary>
    /// <param name="http">The request.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="text">Paragraphs, with an empty line between. What stands before a colon in the first is the title.
    /// </param>
    /// <param name="retryAfter">When to try again; null: that is not said.</param>
    public static Task WriteTextAsync(HttpContext http, int status, string text, TimeSpan? retryAfter = null)
    {
        if (retryAfter is { } wait) SetRetry(http, wait);
        if (http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            var paragraphs = text.Split("\n\n");
            var (title, rest) = paragraphs[0].IndexOf(": ", StringComparison.Ordinal) is > 0 and var colon
                ? (paragraphs[0][..colon], paragraphs[0][(colon + 2)..])
                : (paragraphs[0].TrimEnd('.'), "");
            var body = paragraphs[1..].Prepend(rest).Where(paragraph => paragraph.Length > 0)
                .Select(paragraph => $"<p>{Escape(char.ToUpperInvariant(paragraph[0]) + paragraph[1..])}</p>\n");
            return WriteHtmlAsync(http, status, title, string.Concat(body));
        }

        return WriteAsync(http, status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text + "\n"));
    }

    /// <summary>A page, in the frame of all pages.</summary>
    /// <param name="http">The request.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="title">What the page is called.</param>
    /// <param name="body">Its HTML.</param>
    public static Task WriteHtmlAsync(HttpContext http, int status, string title, string body) =>
        http.RequestServices.GetRequiredService<IPageFrame>().WriteAsync(http, status, title, body);

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

    /// <summary>
    /// Answers are about one browser, and addresses of these pages have secrets in them, which other sites must not
    /// learn. But this site needs the referrer: with no-referrer, browsers send its forms with <c>Origin: null</c>
    /// where there is no TLS (Fetch, "append a request Origin header").
    /// </summary>
    private static void SetHeaders(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "same-origin";
        response.Headers.XFrameOptions = "DENY";
    }

    /// <summary>Says when to try again.</summary>
    public static void SetRetry(HttpContext http, TimeSpan wait) => http.Response.Headers.RetryAfter =
        Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}

/// <summary>Puts the frame of all pages around one.</summary>
internal interface IPageFrame
{
    Task WriteAsync(HttpContext http, int status, string title, string body);
}
