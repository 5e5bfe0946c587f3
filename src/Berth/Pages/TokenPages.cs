using System.Globalization;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of one's own tokens shows.</summary>
/// <param name="Tokens">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record TokensPage(PageList<TokenView> Tokens, FormContent? Sent);

/// <summary>A secret, or a link, that is shown this once.</summary>
/// <param name="Title">Whose it is.</param>
/// <param name="Secret">The secret.</param>
/// <param name="User">Who signs in with it; null: it is not for signing in with programs.</param>
/// <param name="Back">The page from where it was made.</param>
internal sealed record ShownSecret(string Title, string Secret, string? User, string Back)
{
    /// <summary>What else has to be said.</summary>
    public string? Notice { get; init; }
}

/// <summary>A page that asks before a secret is replaced.</summary>
/// <param name="Form">The form.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Back">Where one goes who does not want it.</param>
internal sealed record RotationPage(FormContent Form, string Name, string Back);

/// <summary><c>/settings/tokens</c>: one's own tokens, for programs.</summary>
internal sealed class TokenPages(PersonalTokenEndpoints tokens)
{
    public const string Path = "/settings/tokens";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var answer = sent.ReadDay("expiresAt", out var end) is { } fault ? fault : await tokens.AddMineAsync(
            http, new NewToken(sent.Text("name"), sent.Checked("actions"), sent.Words("names"), end));
        return await PageForms.EndAsync(
            http, answer, Path, made => Show(http, made), error => ShowAsync(http, new FormContent(Path, sent, error)));
    });

    public Task<IResult> AskToRotateAsync(HttpContext http) => AskToRotateAsync(http, sent: null);

    public Task<IResult> RotateAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await tokens.RotateMineAsync(http, IdIn(http), ReadOverlap(sent)), Path, made => Show(http, made),
            error => AskToRotateAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await tokens.RemoveMineAsync(http, IdIn(http)), Said.At(Path, Said.Revoked),
            error => AskToRemoveAsync(http, new FormContent(http.Request.Path, sent, error))));

    /// <summary>How long the secret that is replaced stays good.</summary>
    public static Rotation ReadOverlap(PageBody sent) => new(
        int.TryParse(sent.Text("overlapSeconds"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? seconds : 0);

    public static long IdIn(HttpContext http) =>
        long.Parse((string)http.GetRouteValue("id")!, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var listed = await tokens.ListMineAsync(http);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_Tokens { Model = new TokensPage(PageList<TokenView>.Of(http, found), sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }

    private static PageResult Show(HttpContext http, MadeToken made) => new(new Pages_Secret
    {
        Model = new ShownSecret(made.Token.Name, made.Secret, http.Caller().Name, Path),
    });

    private async Task<IResult> AskToRotateAsync(HttpContext http, FormContent? sent)
    {
        var token = await tokens.GetMineAsync(http, IdIn(http));
        return token.Value is { } found
            ? new PageResult(
                new Pages_Rotate
                {
                    Model = new RotationPage(FormContent.Of(sent, http.Request.Path, token.Version), found.Name, Path),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? token.Error!);
    }

    private async Task<IResult> AskToRemoveAsync(HttpContext http, FormContent? sent)
    {
        var token = await tokens.GetMineAsync(http, IdIn(http));
        return token.Value is { } found
            ? Confirming.Page(http, sent, token.Version, words => words.RevokeToken(found.Name), Path)
            : ProblemPage.Of(http, sent?.Error ?? token.Error!);
    }
}
