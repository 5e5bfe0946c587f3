using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>A form that came after its sender's session had ended: it is not lost, but sent again after they sign in.
/// </summary>
/// <param name="Path">Where it was sent.</param>
/// <param name="Fields">What was in it.</param>
internal sealed record SignedOutForm(string Path, IReadOnlyList<(string Name, string Value)> Fields)
{
    /// <summary>Fields that are never written into a page. Forms with one are filled in again.</summary>
    private static readonly string[] Secrets = ["password", "secret", "code", "current", "new", "again"];

    /// <summary>
    /// Null if nothing is to be sent again: the request is no form of a page of this registry, or has secrets in it.
    /// What another site sends must not be shown as what the reader did.
    /// </summary>
    public static async Task<SignedOutForm?> ReadAsync(HttpContext http)
    {
        var cookies = http.RequestServices.GetRequiredService<BrowserCookies>();
        var most = http.GetEndpoint()?.Metadata.GetMetadata<LargestBody>()?.Bytes ?? ApiGate.MaxBodyBytes;
        if (!HttpMethods.IsPost(http.Request.Method)
            || RequestOrigins.Of(http.Request, cookies.Host) != RequestOrigin.Own
            || await PageBody.ReadAsync(http, most) is not { IsForm: true } sent
            || sent.Fields.Any(field => Secrets.Contains(field.Name, StringComparer.OrdinalIgnoreCase)))
        {
            return null;
        }

        return new SignedOutForm(
            http.Request.Path.ToUriComponent() + http.Request.QueryString,
            [.. sent.Fields]);
    }
}
