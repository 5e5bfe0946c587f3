using Berth.Access;
using Berth.Audit;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>The last step of every sign-in with a browser.</summary>
internal sealed class BrowserAdmission(BrowserSessions sessions, BrowserCookies cookies, AuditLog audit)
{
    private const string JustChanged = "the account was just changed; sign in again";

    /// <summary>Signs a browser in, notes it, and sends the browser on; a script gets JSON.</summary>
    /// <param name="http">The request.</param>
    /// <param name="accountId">Who.</param>
    /// <param name="name">Their name.</param>
    /// <param name="source">With what: <c>password</c>, <c>passkey</c>, or the source of an external user.</param>
    /// <param name="returnTo">Where to send the browser; addresses outside this registry are ignored.</param>
    /// <param name="isPage">Whether a page asks, and not a script.</param>
    /// <param name="version">The account's when its password was checked; null if none was.</param>
    public async Task AdmitAsync(
        HttpContext http, long accountId, string name, string source, string? returnTo, bool isPage,
        long? version = null)
    {
        var row = await sessions.BeginAsync(
            http, source,
            async session => await AccountTable.IsStillAsync(session, accountId, version) ? accountId : null);
        if (row is not null) await AnswerAsync(http, row, name, returnTo, isPage);
        else await PageAnswer.WriteNotSignedInAsync(http, isPage, StatusCodes.Status401Unauthorized, JustChanged);
    }

    /// <summary>Only signs it in, together with something else: <see cref="BrowserSessions.BeginAsync"/>.</summary>
    public Task<SessionRow?> BeginAsync(HttpContext http, string source, Func<Session, ValueTask<long?>> find) =>
        sessions.BeginAsync(http, source, find);

    /// <summary>Notes that a browser was signed in, and sends it on.</summary>
    public async Task AnswerAsync(HttpContext http, SessionRow row, string name, string? returnTo, bool isPage)
    {
        http.Features.Set(new Caller(row.AccountId, CallerKind.User, name, SignInMethod.Session));
        audit.Note(http, "sign-in", isDone: true, entry => entry with { Detail = $"browser: {row.Source}" });
        var next = ReturnPath.IsLocal(returnTo) ? returnTo : cookies.Root;
        if (isPage)
        {
            await PageAnswer.RedirectAsync(http, next);
            return;
        }

        await PageAnswer.WriteJsonAsync(http, StatusCodes.Status200OK, json =>
        {
            json.WriteString("name", name);
            json.WriteString("expiresAt", row.ExpiresAt);
            json.WriteString("next", next);
        });
    }
}
