using Berth.Access;
using Berth.Api;
using Berth.Oci;
using Microsoft.Net.Http.Headers;

namespace Berth.Pages;

/// <summary>What the page of a repository's settings shows.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Version">Its version, for the form.</param>
/// <param name="Rights">What the reader may do.</param>
/// <param name="OwnsNamespace">Whether the reader sees what stays and goes in the namespace that it is in.</param>
/// <param name="Sent">The form that was sent, if one was.</param>
internal sealed record RepositorySettingsPage(
    RepositoryView Repository, string Version, RepositoryRights Rights, bool OwnsNamespace, FormContent? Sent);

/// <summary><c>/r/NAME/-/settings</c> and the forms there: what a repository shows, its name, and its end.</summary>
internal sealed class RepositoryChangePages(
    RepositoryEndpoints repositories, RepositoryCopyEndpoints copies, UsageEndpoints usage, Ownership ownership,
    ApiGate gate)
{
    public const string Settings = "settings";
    public const string Move = "move";
    public const string Remove = "remove";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var path = PagePath.Of(NameIn(http), Settings);

        // Browsers end lines as networks do.
        var readme = sent.Text("readme").ReplaceLineEndings("\n");
        var change = new RepositoryChange(
            sent.All("isPublic").Count > 0, sent.Text("description"), readme);
        return await PageForms.EndAsync(
            http, await repositories.ChangeAsync(http, NameIn(http), change),
            Said.At(PagePath.Of(NameIn(http)), Said.Saved),
            error => ShowAsync(http, new FormContent(path, sent, error)));
    });

    public Task<IResult> MoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var to = sent.Text("to").Trim();
        return await PageForms.EndAsync(
            http, await copies.MoveAsync(http, new NewRepositoryMove(NameIn(http), to)),
            Said.At(PagePath.Of(to), Said.Renamed),
            error => ShowAsync(http, new FormContent(PagePath.Of(NameIn(http), Move), sent, error.At("to"))));
    });

    public Task<IResult> AskRemovalAsync(HttpContext http) => AskRemovalAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await repositories.RemoveAsync(http, NameIn(http)), Said.At("/explore", Said.Deleted),
            error => AskRemovalAsync(http, new FormContent(PagePath.Of(NameIn(http), Remove), sent, error))));

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        // The form may have been sent by somebody who may not see the page that it is on.
        var (caller, name) = (http.Caller(), RepositoryName.Parse(NameIn(http)));
        if (await gate.AskAsync(http, caller, AccessAction.Pull, name) is { } hidden)
            return ProblemPage.Of(http, hidden);
        if (await gate.AskAsync(http, caller, AccessAction.Manage, name) is { } refusal)
            return ProblemPage.Of(http, refusal);

        // The version in a form that was sent is about the change, not about reading it again.
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var answer = await repositories.GetAsync(http, NameIn(http));
        if (answer.Value is not { } view) return ProblemPage.Of(http, answer.Error!);
        var version = ApiAnswer<RepositoryView>.TagOf(http, view.WithoutUse()).Trim('"');
        return new PageResult(
            new Pages_RepositorySettings
            {
                Model = new RepositorySettingsPage(
                    view, version, await RepositoryRights.OfAsync(gate, http, view.Name),
                    ownership.Ask(caller, name.Namespace) is null, sent),
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskRemovalAsync(HttpContext http, FormContent? sent)
    {
        var name = NameIn(http);
        var free = await usage.FreeAsync(http, name);
        if (free.Value is not { } bytes) return ProblemPage.Of(http, free.Error!);
        var words = English.Only;
        return new PageResult(
            new Pages_Confirm
            {
                Model = new Confirmation(
                    FormContent.Of(sent, PagePath.Of(name, Remove)), words.AskRepositoryRemoval(name),
                    [words.RepositoryRemoval(bytes.Manifests), words.WouldFree(bytes.OwnBytes), words.ToTrash],
                    words.DeleteRepository, PagePath.Of(name, Settings))
                { IsOfSettings = false },
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    private static string NameIn(HttpContext http) => (string)http.GetRouteValue("name")!;
}
