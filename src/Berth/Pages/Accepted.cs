using Microsoft.Net.Http.Headers;

namespace Berth.Pages;

/// <summary>What a browser says that it takes (RFC 9110, section 12.5).</summary>
internal static class Accepted
{
    /// <summary>Whether it takes this encoding.</summary>
    public static bool Encoding(HttpRequest request, string encoding) =>
        StringWithQualityHeaderValue.TryParseList(request.Headers.AcceptEncoding, out var list)
        && list.Any(one => one.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase) && one.Quality is not 0);

    /// <summary>Whether it asks for pages: programs say nothing, or that they take anything.</summary>
    public static bool Pages(HttpRequest request) =>
        request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);
}
