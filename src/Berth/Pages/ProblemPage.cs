using Berth.Access;
using Berth.Api;
using Berth.Identity;
using Berth.Oci;

namespace Berth.Pages;

/// <summary>What went wrong, for people.</summary>
/// <param name="Error">What the API would have answered.</param>
/// <param name="RequestId">Under which the log has more.</param>
/// <param name="IsChange">Whether something was to be changed, and not only seen.</param>
/// <param name="Right">The right that it requires; null where there is no such page.</param>
internal sealed record PageProblem(ApiError Error, string RequestId, bool IsChange, ApiRight? Right);

/// <summary>Answers errors as pages, where the API answers problem details.</summary>
internal sealed class ProblemPage : IErrorAnswer
{
    public static ProblemPage Instead { get; } = new();

    public async Task WriteAsync(HttpContext http, ApiError error)
    {
        // A challenge would make the browser open a window of its own.
        http.Response.Headers.Remove("WWW-Authenticate");
        if (error.Status is StatusCodes.Status401Unauthorized or StatusCodes.Status404NotFound
            && await LeadToNewNameAsync(http))
        {
            return;
        }

        if (error.Status == StatusCodes.Status401Unauthorized && IsReading(http.Request.Method))
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

    /// <summary>
    /// Leads from a page of a repository that is not there, or not seen, to the same page of what it is called now, as
    /// pulls by the old name are answered. False if it was not moved, or to where the reader sees nothing.
    /// </summary>
    public static async Task<bool> LeadToNewNameAsync(HttpContext http)
    {
        var (path, query) = (http.Request.Path.ToUriComponent(), http.Request.QueryString);
        if (!HttpMethods.IsGet(http.Request.Method) || http.Features.Get<ApiCaller>() is not { Caller: var caller }
            || !RepositoryName.TryParse(http.GetRouteValue("name") as string, out var old)
            || !path.StartsWith(PagePath.Of(old.Text), StringComparison.Ordinal))
        {
            return false;
        }

        var moved = await http.RequestServices.GetRequiredService<MovedRepositories>().FindAsync(
            caller, old, isSeen: false, http.RequestAborted);
        if (moved is null) return false;
        var cookies = http.RequestServices.GetRequiredService<BrowserCookies>();
        await PageAnswer.RedirectAsync(
            http, cookies.PathOf(PagePath.Of(moved.Value.Text) + path[PagePath.Of(old.Text).Length..] + query));
        return true;
    }

    /// <summary>Answers for a path where there is no page.</summary>
    public static Task AnswerMissingAsync(HttpContext http) =>
        http.RequestServices.GetRequiredService<ApiGate>().HandleAsync(
            http, new RequiredRight(ApiRight.Everyone),
            context => Of(context, ApiError.NotFound("such page")).ExecuteAsync(context));

    public static PageResult Of(HttpContext http, ApiError error) =>
        new(
            new Pages_Problem
            {
                Model = new PageProblem(
                    error, http.TraceIdentifier, !IsReading(http.Request.Method),
                    http.GetEndpoint()?.Metadata.GetMetadata<RequiredRight>()?.Right),
            },
            error.Status);

    private static bool IsReading(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
}
