using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page of one's own account shows.</summary>
/// <param name="Me">The account.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record ProfilePage(MeView Me, FormContent? Sent);

/// <summary><c>/settings/profile</c>: who one is.</summary>
internal sealed class ProfilePages(MeEndpoints me)
{
    public const string Path = "/settings/profile";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await me.ChangeAsync(http, new MeChange(
                sent.Text("fullName"), sent.Text("email"), sent.All("makesPublic").Count > 0)),
            Said.At(Path, Said.Saved),
            error => ShowAsync(http, new FormContent(Path, sent, error))));

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var answer = await me.GetAsync(http);
        return answer.Value is { } found
            ? new PageResult(new Pages_Profile { Model = new ProfilePage(found, sent) }, sent?.Status ?? 200)
            : ProblemPage.Of(http, answer.Error!);
    }
}
