using Berth.Api;
using Berth.Settings;

namespace Berth.Pages;

/// <summary>What the page about how one signs in shows.</summary>
/// <param name="Me">The account.</param>
/// <param name="Factors">What one signs in with besides the password.</param>
/// <param name="Identities">Accounts of other directories.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record SignInSettingsPage(
    MeView Me, SecondFactorsView Factors, IReadOnlyList<IdentityView> Identities, FormContent? Sent)
{
    /// <summary>The fewest characters of a password.</summary>
    public int LeastChars { get; init; }
}

/// <summary><c>/settings/sign-in</c>: the password, and what there is besides; that is changed at
/// <c>/auth/account</c>, which asks for a new sign-in first.</summary>
internal sealed class SignInSettings(
    MeEndpoints me, SecondFactorEndpoints factors, IdentityEndpoints identities, LocalSettings local)
{
    public const string Path = "/settings/sign-in";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> SetPasswordAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var answer = sent.Text("new") == sent.Text("again")
            ? await me.SetPasswordAsync(http, new PasswordChange(sent.Text("current"), sent.Text("new")))
            : ApiError.Invalid("it is not the same as the new password").At("again");
        return await PageForms.EndAsync(
            http, answer, Said.At(Path, Said.Password), error => ShowAsync(http, new FormContent(Path, sent, error)));
    });

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var (account, held) = (await me.GetAsync(http), await factors.GetAsync(http));
        var linked = await identities.ListMineAsync(http);
        return (account.Error ?? held.Error ?? linked.Error) is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_SignInForm
                {
                    Model = new SignInSettingsPage(account.Value!, held.Value!, linked.Value!.Items, sent)
                    {
                        LeastChars = local.MinPasswordLength,
                    },
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }
}
