using Berth.Access;
using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page of all users shows.</summary>
/// <param name="Users">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record UsersPage(PageList<UserView> Users, FormContent? Sent);

/// <summary>What the page of a user shows.</summary>
/// <param name="User">The user.</param>
/// <param name="Tokens">A page of their tokens.</param>
/// <param name="Sessions">Where they are signed in.</param>
/// <param name="Identities">Accounts of other directories.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record UserPage(
    UserView User, PageList<TokenView> Tokens, IReadOnlyList<SessionView> Sessions,
    IReadOnlyList<IdentityView> Identities, FormContent? Sent);

/// <summary><c>/settings/users</c>: what administrators do with users, and auditors see.</summary>
internal sealed class UserPages(
    UserEndpoints users, PersonalTokenEndpoints tokens, SessionEndpoints sessions, IdentityEndpoints identities,
    SecondFactorEndpoints factors)
{
    public const string Path = "/settings/users";

    public static string PathOf(string name, string page = "") => $"{Path}/{name}{(page.Length > 0 ? "/" + page : "")}";

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var answer = sent.ReadDay("expiresAt", out var end) is { } fault ? fault : await users.AddAsync(
            http,
            new NewUser(
                sent.Text("name").Trim(), Password: null, sent.Optional("fullName"), sent.Optional("email"),
                sent.Choice<RegistryRole>("role") ?? RegistryRole.None, end));
        return await PageForms.EndAsync(
            http, answer, PathOf(answer.Value?.User.Name ?? ""),
            made => Show(made.User.Name, made.Password!, made.Notice),
            error => ListAsync(http, new FormContent(Path, sent, error)));
    });

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, present) = (NameIn(http), await users.GetAsync(http, NameIn(http)));
        var fault = sent.ReadDay("expiresAt", present.Value?.ExpiresAt, out var end) ?? present.Error;
        var answer = fault is not null ? fault : await users.ChangeAsync(http, name, new UserChange(
            sent.Text("fullName"), sent.Text("email"), sent.Choice<RegistryRole>("role"),
            sent.IsChecked("isDisabled"), end, sent.IsChecked("makesPublic")));
        return await PageForms.EndAsync(
            http, answer, Said.At(PathOf(name), Said.Saved),
            error => ShowAsync(http, new FormContent(PathOf(name), sent, error)));
    });

    public Task<IResult> AskForPasswordAsync(HttpContext http) => AskAsync(http, null, (words, user) =>
        words.ResetPassword(user.Name));

    public Task<IResult> SetPasswordAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await users.SetPasswordAsync(http, NameIn(http), new NewPassword()), PathOf(NameIn(http)),
            made => Show(NameIn(http), made.Password!, notice: null),
            error => AskAsync(
                http, new FormContent(http.Request.Path, sent, error), (words, user) =>
                    words.ResetPassword(user.Name))));

    public Task<IResult> AskForFactorsAsync(HttpContext http) => AskAsync(http, null, (words, user) =>
        words.ResetFactors(user.Name));

    public Task<IResult> ResetFactorsAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await factors.ResetAsync(http, NameIn(http)), Said.At(PathOf(NameIn(http)), Said.Removed),
            error => AskAsync(
                http, new FormContent(http.Request.Path, sent, error), (words, user) =>
                    words.ResetFactors(user.Name))));

    public Task<IResult> AskToSignOutAsync(HttpContext http) => AskAsync(http, null, (words, user) =>
        words.SignUserOut(user.Name));

    public Task<IResult> SignOutAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await sessions.RemoveAllAsync(http, NameIn(http)), Said.At(PathOf(NameIn(http)), Said.SignedOut),
            error => AskAsync(
                http, new FormContent(http.Request.Path, sent, error), (words, user) =>
                    words.SignUserOut(user.Name))));

    public Task<IResult> EndSessionAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await sessions.RemoveAsync(http, NameIn(http), (string)http.GetRouteValue("id")!),
            Said.At(PathOf(NameIn(http)), Said.SignedOut),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRevokeAsync(HttpContext http) => AskToRevokeAsync(http, sent: null);

    public Task<IResult> RevokeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await tokens.RemoveAsync(http, NameIn(http), TokenPages.IdIn(http)),
            Said.At(PathOf(NameIn(http)), Said.Revoked),
            error => AskToRevokeAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRotateAsync(HttpContext http) => AskToRotateAsync(http, sent: null);

    /// <summary>Replaces a token; whoever sees the new one has to give it to its user.</summary>
    public Task<IResult> RotateAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await tokens.RotateAsync(http, NameIn(http), TokenPages.IdIn(http), TokenPages.ReadOverlap(sent)),
            PathOf(NameIn(http)),
            made => new PageResult(new Pages_Secret
            {
                Model = new ShownSecret(made.Token.Name, made.Secret, NameIn(http), PathOf(NameIn(http))),
            }),
            error => AskToRotateAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> LinkAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await identities.AddAsync(http, NameIn(http), new NewIdentity(
                sent.Text("source").Trim(), sent.Text("subject").Trim(), sent.Text("name").Trim())),
            Said.At(PathOf(NameIn(http)), Said.Added),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    /// <summary>Unlinks: the API has what in the path, the form in fields, since a subject may have slashes.</summary>
    public Task<IResult> UnlinkAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (source, subject) = (sent.Text("source"), sent.Text("subject"));
        (http.Request.RouteValues["source"], http.Request.RouteValues["subject"]) = (source, subject);
        return await PageForms.EndAsync(
            http, await identities.RemoveAsync(http, NameIn(http), source, subject),
            Said.At(PathOf(NameIn(http)), Said.Removed),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error)));
    });

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskAsync(http, null, (words, user) =>
        words.RemoveUser(user.Name));

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await users.RemoveAsync(http, NameIn(http)), Said.At(Path, Said.Removed),
            error => AskAsync(
                http, new FormContent(http.Request.Path, sent, error), (words, user) =>
                    words.RemoveUser(user.Name))));

    private static string NameIn(HttpContext http) => (string)http.GetRouteValue("name")!;

    private static PageResult Show(string name, string password, string? notice) => new(new Pages_Secret
    {
        Model = new ShownSecret(
            English.Only.PasswordOf(name), password, User: null, PathOf(name))
        { Notice = notice },
    });

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        var listed = await users.ListAsync(http);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_Users { Model = new UsersPage(PageList<UserView>.Of(http, found), sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var name = NameIn(http);
        var (user, held) = (await users.GetAsync(http, name), await tokens.ListAsync(http, name));
        var (signedIn, linked) = (await sessions.ListAsync(http, name), await identities.ListAsync(http, name));
        return (user.Error ?? held.Error ?? signedIn.Error ?? linked.Error) is { } error
            ? ProblemPage.Of(http, sent?.Error ?? error)
            : new PageResult(
                new Pages_User
                {
                    Model = new UserPage(
                        user.Value!, PageList<TokenView>.Of(http, held.Value!), signedIn.Value!.Items,
                        linked.Value!.Items, sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskAsync(
        HttpContext http, FormContent? sent, Func<English, UserView, Warning> say) => Confirming.Of(
            http, await users.GetAsync(http, NameIn(http)), sent, say, PathOf(NameIn(http)));

    private async Task<IResult> AskToRotateAsync(HttpContext http, FormContent? sent)
    {
        var token = await tokens.GetAsync(http, NameIn(http), TokenPages.IdIn(http));
        return token.Value is { } found
            ? new PageResult(
                new Pages_Rotate
                {
                    Model = new RotationPage(
                        FormContent.Of(sent, http.Request.Path, token.Version), found.Name, PathOf(NameIn(http))),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? token.Error!);
    }

    private async Task<IResult> AskToRevokeAsync(HttpContext http, FormContent? sent) => Confirming.Of(
        http, await tokens.GetAsync(http, NameIn(http), TokenPages.IdIn(http)), sent,
        (words, token) => words.RevokeToken(token.Name), PathOf(NameIn(http)));
}
