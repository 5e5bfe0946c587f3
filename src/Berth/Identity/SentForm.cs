using Microsoft.Net.Http.Headers;

namespace Berth.Identity;

/// <summary>
/// Forms that browsers and programs send. Only of the usual kind: multipart is for files, and its reader takes a body
/// that ends early for a broken disk.
/// </summary>
internal static class SentForm
{
    private const string MediaType = "application/x-www-form-urlencoded";

    /// <summary>Whether the body says that it is one.</summary>
    public static bool IsIn(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase);

    /// <summary>Null if it can't be read.</summary>
    /// <param name="http">The request, whose body is a form.</param>
    /// <param name="maxBytes">The most that may be sent.</param>
    /// <exception cref="BadHttpRequestException">It is larger, or its framing is wrong.</exception>
    public static async Task<IFormCollection?> ReadAsync(HttpContext http, int maxBytes)
    {
        SmallBody.Limit(http, maxBytes);
        try
        {
            return await http.Request.ReadFormAsync(http.RequestAborted);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            // Too many or too long fields, or the name of an encoding that is not safe.
            return null;
        }
    }
}
