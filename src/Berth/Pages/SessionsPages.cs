using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page about where one is signed in shows.</summary>
/// <param name="Sessions">Browsers and programs.</param>
/// <param name="Sent">The form, if it was sent and refused.</param>
internal sealed record SessionsPage(IReadOnlyList<SessionView> Sessions, FormContent? Sent);

/// <summary><c>/settings/sessions</c>: where one is signed in.</summary>
internal sealed class SessionsPages(SessionEndpoints sessions)
{
    public const string Path = "/settings/sessions";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> EndAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await sessions.RemoveMineAsync(http, (string)http.GetRouteValue("id")!),
            Said.At(Path, Said.SignedOut),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    public static Task<IResult> AskToEndAllAsync(HttpContext http) => Task.FromResult<IResult>(
        Confirming.Page(http, sent: null, version: null, words => words.EndAllSessions, Path));

    public Task<IResult> EndAllAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await sessions.RemoveAllMineAsync(http), Path,
            error => Task.FromResult<IResult>(Confirming.Page(
                http, new FormContent(http.Request.Path, sent, error), null, words => words.EndAllSessions, Path))));

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var listed = await sessions.ListMineAsync(http);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_Sessions { Model = new SessionsPage(found.Items, sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }
}
