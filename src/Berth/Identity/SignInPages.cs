using System.Net;
using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// <c>/auth/NAME/start</c> and <c>/auth/NAME/callback</c>: send a browser to another system's page, and sign it in when
/// it comes back. <c>/auth/NAME/link</c> does the same for somebody who is signed in and wants another way to do so.
/// </summary>
internal sealed partial class SignInPages(
    IReadOnlyList<BrowserSignIn> systems, int maxRunning, BrowserCookies cookies, BrowserSessions sessions,
    BrowserAdmission admission, ExternalAccounts accounts, RateLimits rates, RefusedSignIns refused, AuditLog audit,
    TimeProvider clock, Func<HttpContext, string, string> addressOf, ILogger<SignInPages> log)
{
    private const int MaxNameChars = 128;

    private static readonly TimeSpan RetrySoon = TimeSpan.FromSeconds(5);

    private int running;

    public static string StartOf(string system) => $"/auth/{system}/start";

    public async Task StartAsync(HttpContext http)
    {
        if (Find(http) is not { } system)
        {
            await AnswerMissingAsync(http);
            return;
        }

        var wanted = http.Request.Query["return"].ToString();
        await BeginAsync(http, system, ReturnPath.IsLocal(wanted) ? wanted : cookies.Root, linkTo: "");
    }

    /// <summary>Only from our own page, and soon after a sign-in: whoever is linked can do all that the user can.
    /// </summary>
    public async Task LinkAsync(HttpContext http)
    {
        if (Find(http) is not { } system)
        {
            await AnswerMissingAsync(http);
        }
        else if (RequestOrigins.Of(http.Request, cookies.Host) == RequestOrigin.Own
            && await sessions.FindAsync(http) is not null && await sessions.IsRecentAsync(http)
            && await sessions.FindSessionAsync(http) is { } session)
        {
            await BeginAsync(http, system, cookies.PathOf(AccountPage.Path), session.Hash);
        }
        else
        {
            await PageAnswer.WriteTextAsync(
                http, StatusCodes.Status403Forbidden,
                $"Sign in again to change this, at {addressOf(http, AccountPage.Path)}");
        }
    }

    private async Task BeginAsync(HttpContext http, BrowserSignIn system, string returnTo, string linkTo)
    {
        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Token) is { } wait)
        {
            await PageAnswer.WriteTextAsync(
                http, StatusCodes.Status429TooManyRequests, "Too many sign-ins from here. Try again later.", wait);
            return;
        }

        var name = system.Settings.Name;
        var attempt = SignInAttempt.Begin(name, returnTo, clock.GetUtcNow(), linkTo);
        if (await system.FindPageAsync(attempt, ReturnUrlOf(http, system), http.RequestAborted) is not { } page)
        {
            await AnswerAwayAsync(http, system);
            return;
        }

        cookies.Set(http, CookieOf(name), attempt.Text, CallbackOf(name), SignInAttempt.Lifetime);
        await PageAnswer.RedirectAsync(http, page);
    }

    public async Task FinishAsync(HttpContext http)
    {
        if (Find(http) is not { } system)
        {
            await AnswerMissingAsync(http);
            return;
        }

        // Whatever becomes of it, an attempt is good for one answer.
        var name = system.Settings.Name;
        var kept = cookies.Find(http.Request, CookieOf(name));
        cookies.Remove(http, CookieOf(name), CallbackOf(name));
        if (!SignInAttempt.TryRead(name, kept, clock.GetUtcNow(), out var attempt)
            || http.Request.Query["state"] is not [{ } state] || !attempt.HasState(state))
        {
            await AnswerAsync(
                http, StatusCodes.Status400BadRequest, system,
                "This sign-in took too long, was finished already, or began in another browser.");
            return;
        }

        if (http.Request.Query.TryGetValue("error", out var error))
            await AnswerErrorAsync(http, system, error.ToString());
        else
            await FinishAsync(http, system, attempt);
    }

    private async Task FinishAsync(HttpContext http, BrowserSignIn system, SignInAttempt attempt)
    {
        if (Interlocked.Increment(ref running) > maxRunning)
        {
            Interlocked.Decrement(ref running);
            await AnswerAsync(
                http, StatusCodes.Status503ServiceUnavailable, system,
                "Too many people are signing in at this moment.");
            return;
        }

        BrowserAnswer answer;
        try
        {
            answer = await system.FinishAsync(
                attempt, http.Request.Query, ReturnUrlOf(http, system), http.RequestAborted);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            answer = new BrowserAnswer(null, e.Message, IsAway: true);
        }
        finally
        {
            Interlocked.Decrement(ref running);
        }

        if (answer.User is { } user)
        {
            await AdmitAsync(http, system, user, attempt);
            return;
        }

        if (answer.IsAway)
        {
            LogAway(system.Settings.Name, answer.Reason!);
            await AnswerAwayAsync(http, system);
            return;
        }

        Refuse(http, system, "", answer.Reason!);
        await AnswerAsync(
            http, StatusCodes.Status403Forbidden, system,
            $"What {system.Settings.Title} says of you could not be verified; the registry's log says why.");
    }

    private async Task AdmitAsync(HttpContext http, BrowserSignIn system, ExternalUser user, SignInAttempt attempt)
    {
        var settings = system.Settings;
        var name = PlainText.Of(user.Name, MaxNameChars);
        if (settings.RequiredGroup is { } required && !user.Groups.Contains(required, StringComparer.Ordinal))
        {
            Refuse(http, system, name, $"is not in the group {required} (requiredgroup)");
            await AnswerAsync(
                http, StatusCodes.Status403Forbidden, system,
                $"You are {name} at {settings.Title}, but only some of its users may sign in here.");
            return;
        }

        if (attempt.LinkTo.Length > 0)
        {
            await LinkAsync(http, system, user, attempt);
            return;
        }

        var (account, reason) = await accounts.FindOrAddAsync(user, http.RequestAborted);
        if (account is { IsDisabled: true } || account?.ExpiresAt <= clock.GetUtcNow())
            (account, reason) = (null, "this account is disabled, or has expired");
        if (account is null)
        {
            reason = PlainText.Of(reason!, 2 * MaxNameChars);
            Refuse(http, system, name, reason);
            await AnswerAsync(
                http, StatusCodes.Status403Forbidden, system,
                $"You are {name} at {settings.Title}, but could not be signed in here: {reason}.");
            return;
        }

        await admission.AdmitAsync(http, account.Id, account.Name, user.Source, attempt.ReturnTo, isPage: true);
    }

    private async Task LinkAsync(HttpContext http, BrowserSignIn system, ExternalUser user, SignInAttempt attempt)
    {
        var caller = await sessions.FindAsync(http);
        var session = await sessions.FindSessionAsync(http);
        var fault = caller is { Id: { } id } && session?.Hash == attempt.LinkTo
            ? await accounts.LinkAsync(user, id, http.RequestAborted)
            : "you signed out in the meantime";
        if (caller is not null) http.Features.Set(caller);
        audit.Note(http, "link", fault is null, entry => entry with
        {
            Detail = user.Source,
            Target = PlainText.Of(user.Name, MaxNameChars),
        });
        if (fault is null) await PageAnswer.RedirectAsync(http, attempt.ReturnTo);
        else await PageAnswer.WriteTextAsync(http, StatusCodes.Status409Conflict, $"Nothing was linked: {fault}.");
    }

    /// <summary>RFC 6749, section 4.1.2.1. Whatever else was sent may be text of anybody, and is not shown.</summary>
    private Task AnswerErrorAsync(HttpContext http, BrowserSignIn system, string error)
    {
        var title = system.Settings.Title;
        if (error == "access_denied")
            return AnswerAsync(http, StatusCodes.Status403Forbidden, system, $"You were not signed in at {title}.");
        if (refused.MayNote(http)) LogRefusedThere(system.Settings.Name, PlainText.Of(error, MaxNameChars));
        return AnswerAsync(
            http, StatusCodes.Status502BadGateway, system,
            $"{title} reported an error, which is in the registry's log.");
    }

    private BrowserSignIn? Find(HttpContext http)
    {
        var name = http.GetRouteValue("system") as string;
        return systems.FirstOrDefault(system => system.Settings.Name == name);
    }

    private string ReturnUrlOf(HttpContext http, BrowserSignIn system) =>
        addressOf(http, CallbackOf(system.Settings.Name));

    private static string CallbackOf(string name) => $"/auth/{name}/callback";

    private static string CookieOf(string name) => "berth_signin_" + name;

    private static Task AnswerMissingAsync(HttpContext http) => PageAnswer.WriteTextAsync(
        http, StatusCodes.Status404NotFound,
        "There is no such way to sign in. /auth/session lists those that there are.");

    private Task AnswerAwayAsync(HttpContext http, BrowserSignIn system) => AnswerAsync(
        http, StatusCodes.Status503ServiceUnavailable, system,
        $"{system.Settings.Title} does not answer the registry at this moment.");

    private Task AnswerAsync(HttpContext http, int status, BrowserSignIn system, string text) =>
        PageAnswer.WriteTextAsync(
            http, status, $"{text}\n\nTo try again: {addressOf(http, StartOf(system.Settings.Name))}",
            status == StatusCodes.Status503ServiceUnavailable ? RetrySoon : null);

    private void Refuse(HttpContext http, BrowserSignIn system, string user, string reason) =>
        refused.NoteUnslowed(http, user, $"{system.Settings.Source}: {reason}");

    [LoggerMessage(Level = LogLevel.Error, Message = "Nobody can sign in at {System}: {Reason}")]
    private partial void LogAway(string system, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{System} reported an error to a sign-in: {Error}")]
    private partial void LogRefusedThere(string system, string error);
}
