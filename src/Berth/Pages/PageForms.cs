using System.Security.Cryptography;
using System.Text;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>How a form ended.</summary>
/// <param name="Result">The answer.</param>
/// <param name="Path">Where it led, for those who click a second time; null if nothing was done.</param>
internal sealed record FormAnswer(IResult Result, string? Path);

/// <summary>What forms of pages have in common.</summary>
internal static class PageForms
{
    private const int MaxNumberChars = 64;

    /// <summary>After a change, a page that can be loaded again without repeating it.</summary>
    public static IResult BackTo(HttpContext http, string path) => new SeeOther(
        http.RequestServices.GetRequiredService<BrowserCookies>().PathOf(path));

    /// <summary>
    /// Reads a form and changes what it asks for, once: a second click leads where the first did. A version in it
    /// becomes the request's If-Match, which the endpoints of the API honour.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="change">Calls the API, and ends with one of the functions below.</param>
    public static async Task<IResult> RunAsync(HttpContext http, Func<PageBody, Task<FormAnswer>> change)
    {
        var most = http.GetEndpoint()?.Metadata.GetMetadata<LargestBody>()?.Bytes ?? ApiGate.MaxBodyBytes;
        if (await PageBody.ReadAsync(http, most) is not { IsForm: true } sent)
            return ProblemPage.Of(http, ApiError.Invalid("the form can't be read: go back, and send it again"));
        if (sent.Text("version") is { Length: > 0 } version)
            http.Request.Headers.IfMatch = version.All(char.IsAsciiLetterOrDigit) ? $"\"{version}\"" : "\"\"";
        var number = sent.Text("form");
        if (number.Length is 0 or > MaxNumberChars) return (await change(sent)).Result;
        IResult? result = null;
        var first = await http.RequestServices.GetRequiredService<FormRuns>().RunAsync(
            KeyOf($"{http.Caller().Caller.Id} {http.Caller().Name} {http.Request.Path} {number}"),
            async () =>
            {
                var answer = await change(sent);
                result = answer.Result;
                return answer.Path;
            });
        return result ?? BackTo(http, first!);
    }

    /// <summary>Paths may be long: what is remembered has one size.</summary>
    private static string KeyOf(string text) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>After a change, on to a page; or the form again, with what is wrong.</summary>
    /// <param name="http">The request.</param>
    /// <param name="answer">What the API answered.</param>
    /// <param name="path">Where to go.</param>
    /// <param name="again">Shows the page with the form as it was sent.</param>
    public static async Task<FormAnswer> EndAsync<T>(
        HttpContext http, ApiAnswer<T> answer, string path, Func<ApiError, Task<IResult>> again)
        where T : class
    {
        if (answer.Error is { } error) return new FormAnswer(await again(error), null);
        answer.Note(http);
        return new FormAnswer(BackTo(http, path), path);
    }

    /// <summary>The same, of a change that answers nothing.</summary>
    public static async Task<FormAnswer> EndAsync(
        HttpContext http, ApiDone answer, string path, Func<ApiError, Task<IResult>> again) =>
        answer.Error is { } error
            ? new FormAnswer(await again(error), null) : new FormAnswer(BackTo(http, path), path);

    /// <summary>The same, of a change that makes a secret: a page shows it this once.</summary>
    public static async Task<FormAnswer> EndAsync<T>(
        HttpContext http, ApiAnswer<T> answer, string path, Func<T, IResult> show,
        Func<ApiError, Task<IResult>> again)
        where T : class
    {
        if (answer.Value is not { } made) return new FormAnswer(await again(answer.Error!), null);
        answer.Note(http);
        return new FormAnswer(show(made), path);
    }

    private sealed class SeeOther(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => PageAnswer.RedirectAsync(httpContext, path);
    }
}
