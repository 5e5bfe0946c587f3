using Berth.Access;
using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page of invitations shows.</summary>
/// <param name="Invitations">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record InvitationsPage(PageList<InvitationView> Invitations, FormContent? Sent);

/// <summary><c>/settings/invitations</c>: links with which others make their account.</summary>
internal sealed class InvitationPages(InvitationEndpoints invitations)
{
    public const string Path = "/settings/invitations";

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var organization = sent.Optional("organization");
        var answer = sent.ReadDay("expiresAt", out var end) is { } fault ? fault : await invitations.AddAsync(
            http,
            new NewInvitation(
                sent.Optional("name"), sent.Optional("email"), organization,
                organization is null ? null : sent.Choice<Role>("role"), end));
        return await PageForms.EndAsync(
            http, answer, Path, made => new PageResult(new Pages_Secret
            {
                Model = new ShownSecret(English.Only.InvitationLink, made.Url, User: null, Path)
                {
                    Notice = English.Only.InvitationIs(made.Invitation),
                },
            }),
            error => ListAsync(http, new FormContent(Path, sent, error)));
    });

    public static Task<IResult> AskToRemoveAsync(HttpContext http) => Task.FromResult<IResult>(
        Ask(http, sent: null));

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await invitations.RemoveAsync(http, TokenPages.IdIn(http)), Said.At(Path, Said.Removed),
            error => Task.FromResult<IResult>(Ask(http, new FormContent(http.Request.Path, sent, error)))));

    private static PageResult Ask(HttpContext http, FormContent? sent) => Confirming.Page(
        http, sent, ApiRequest.OnlyVersion, words => words.RemoveInvitation, Path);

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        var listed = await invitations.ListAsync(http);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_Invitations { Model = new InvitationsPage(PageList<InvitationView>.Of(http, found), sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }
}
