using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// <c>/auth/join/SECRET</c>, where the link of an invitation leads, and <c>/auth/register</c>, where everyone may make
/// an account.
/// </summary>
internal sealed class JoinPages(
    NewUsers users, BrowserAdmission admission, BrowserCookies cookies, RateLimits rates, AuditLog audit)
{
    public const string JoinPath = LoggedPath.Secret;
    public const string RegisterPath = "/auth/register";

    private const string Title = "Make an account";

    private static readonly TimeSpan RetrySoon = TimeSpan.FromSeconds(1);

    public async Task ShowAsync(HttpContext http)
    {
        var (invitation, isOpen) = await FindAsync(http);
        if (!isOpen)
        {
            await AnswerMissingAsync(http);
            return;
        }

        await WriteFormAsync(http, StatusCodes.Status200OK, invitation, fault: null);
    }

    public async Task PostAsync(HttpContext http)
    {
        // Otherwise any page could make its visitors use an account that somebody else knows the password of.
        if (RequestOrigins.Of(http.Request, cookies.Host) == RequestOrigin.Foreign)
        {
            await PageAnswer.WriteNotSignedInAsync(
                http, isPage: false, StatusCodes.Status403Forbidden, "the request comes from a page of another site");
            return;
        }

        if (await PageBody.ReadAsync(http) is not { } sent)
        {
            await PageAnswer.WriteNotSignedInAsync(
                http, isPage: false, StatusCodes.Status400BadRequest,
                "the body must be a form or JSON with name and password");
            return;
        }

        var (invitation, isOpen) = await FindAsync(http);
        if (!isOpen)
        {
            await AnswerMissingAsync(http);
            return;
        }

        // Invitations are counted by whoever makes them.
        var client = http.Connection.RemoteIpAddress;
        var wait = rates.Take(http, Caller.Anonymous, RateLimitKind.Token)
            ?? (invitation is null ? users.FindWait(client) : null);
        if (wait is not null)
        {
            await AnswerTooManyAsync(http, sent, wait);
            return;
        }

        var wanted = new WantedAccount(
            sent.Text("name"), sent.Text("password"), TextOf(sent, "fullName"), TextOf(sent, "email"));
        SessionRow? begun = null;
        var (account, fault) = await users.MakeAsync(
            wanted, invitation, client, async make => begun = await admission.BeginAsync(http, "password", make),
            http.RequestAborted);
        if (fault == NewUsers.TooMany)
        {
            await AnswerTooManyAsync(http, sent, users.FindWait(client) ?? RetrySoon);
            return;
        }

        if (account is null)
        {
            const int status = StatusCodes.Status400BadRequest;
            if (sent.IsForm) await WriteFormAsync(http, status, invitation, fault);
            else await PageAnswer.WriteProblemAsync(http, status, "No account was made", fault!);
            return;
        }

        http.Features.Set(new Caller(account.Id, CallerKind.User, account.Name, SignInMethod.Session));
        audit.Note(http, "register", isDone: true, entry => entry with { Detail = account.CreatedBy });
        await admission.AnswerAsync(http, begun!, account.Name, returnTo: null, sent.IsForm);
    }

    /// <summary>The invitation of the request's path; and whether an account may be made at all.</summary>
    private async Task<(InvitationRow? Invitation, bool IsOpen)> FindAsync(HttpContext http)
    {
        if (http.GetRouteValue("secret") is not string secret) return (null, users.IsOpen);
        var invitation = await users.FindInvitationAsync(secret, http.RequestAborted);
        return (invitation, invitation is not null);
    }

    private static Task AnswerTooManyAsync(HttpContext http, PageBody sent, TimeSpan? wait) =>
        PageAnswer.WriteNotSignedInAsync(
            http, sent.IsForm, StatusCodes.Status429TooManyRequests, NewUsers.TooMany, wait);

    private Task AnswerMissingAsync(HttpContext http)
    {
        var isInvitation = http.GetRouteValue("secret") is not null;
        var reason = isInvitation
            ? "This invitation was used already, has expired, or was withdrawn. Ask whoever sent it for another."
            : "Accounts are made by the registry's administrators: ask one of them.";
        return PageAnswer.WriteHtmlAsync(
            http, StatusCodes.Status404NotFound, isInvitation ? "This invitation is not open" : Title,
            $"""
            <p>{reason}</p>
            <p><a class="button" href="{PageAnswer.Escape(cookies.PathOf(SignInForms.Path))}">Sign in</a></p>
            """);
    }

    private Task WriteFormAsync(HttpContext http, int status, InvitationRow? invitation, string? fault)
    {
        var reason = fault is null ? "" : $"<p role=\"alert\">{PageAnswer.Escape($"Sorry: {fault}.")}</p>\n";
        var welcome = invitation is null ? "" : Welcome(invitation);
        var name = invitation?.Name is { } given
            ? $"<p>Your name will be <b>{PageAnswer.Escape(given)}</b>.</p>"
            : "<label>Name <input name=\"name\" autocomplete=\"username\" required autofocus></label>\n"
                + "<p>Lower-case letters and digits, with single '.', '_' or '-' between.</p>";
        var email = invitation?.Email is not null
            ? "" : "<label>E-mail (optional) <input name=\"email\" type=\"email\" autocomplete=\"email\"></label>";
        return PageAnswer.WriteHtmlAsync(
            http, status, Title,
            $"""
            {reason}{welcome}
            <form method="post">
            {name}
            <label>Password <input name="password" type="password" autocomplete="new-password" required></label>
            <p>At least {users.LeastPasswordChars} characters.</p>
            <label>Display name (optional) <input name="fullName" autocomplete="name"></label>
            {email}
            <button>Make the account</button>
            </form>
            """);
    }

    private static string Welcome(InvitationRow invitation)
    {
        var organization = invitation.Organization is { } joined ? $" to join {joined}" : "";

        // Whoever ran a command on the database has no name that means anything here.
        var words = invitation.CreatedBy == Caller.OperatorName
            ? $"You are invited{organization}." : $"{invitation.CreatedBy} invites you{organization}.";
        return $"<p>{PageAnswer.Escape(words)}</p>";
    }

    private static string? TextOf(PageBody sent, string name) => sent.Text(name) is { Length: > 0 } text ? text : null;
}
