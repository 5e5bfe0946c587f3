using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What went wrong, for people.</summary>
/// <param name="Error">What the API would have answered.</param>
/// <param name="RequestId">Under which the log has more.</param>
internal sealed record PageProblem(ApiError Error, string RequestId);

/// <summary>Answers errors as pages, where the API answers problem details.</summary>
internal sealed class ProblemPage : IErrorAnswer
{
    public static ProblemPage Instead { get; } = new();

    public async Task WriteAsync(HttpContext http, ApiError error)
    {
        var isReading = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);

        // A challenge would make the browser open a window of its own.
        http.Response.Headers.Remove("WWW-Authenticate");
        if (error.Status == StatusCodes.Status401Unauthorized && isReading)
        {
            var cookies = http.RequestServices.GetRequiredService<BrowserCookies>();
            var here = cookies.PathOf(http.Request.Path.ToUriComponent() + http.Request.QueryString);
            await PageAnswer.RedirectAsync(
                http, cookies.PathOf(SignInForms.Path) + "?return=" + Uri.EscapeDataString(here));
            return;
        }

        if (error.Status == StatusCodes.Status401Unauthorized && await SignedOutForm.ReadAsync(http) is { } form)
        {
            await new PageResult(new Pages_SignedOut { Model = form }, error.Status).ExecuteAsync(http);
            return;
        }

        error.SetRetry(http.Response);
        await Of(http, error).ExecuteAsync(http);
    }

    /// <summary>Answers for a path where there is no page.</summary>
    public static Task AnswerMissingAsync(HttpContext http) =>
        http.RequestServices.GetRequiredService<ApiGate>().HandleAsync(
            http, new RequiredRight(ApiRight.Everyone),
            context => Of(context, ApiError.NotFound("such page")).ExecuteAsync(context));

    public static PageResult Of(HttpContext http, ApiError error) =>
        new(new Pages_Problem { Model = new PageProblem(error, http.TraceIdentifier) }, error.Status);
}
