using System.Text.Json;
using Berth.Access;
using Berth.Audit;
using Berth.Settings;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Identity;

/// <summary>
/// <c>/auth/session</c>, <c>/auth/password</c> and <c>/auth/logout</c>: who is signed in with a browser, and with what
/// one can; sign-in with a password; sign-out.
/// </summary>
internal sealed class SessionPages(
    AuthSettings settings, SignIn signIn, BrowserSessions sessions, BrowserCookies cookies, AccessRules access,
    RateLimits rates, AuditLog audit)
{
    private const int MaxBodyBytes = 8 * 1024;

    private const string WrongSite = "the request comes from a page of another site";

    private sealed record Sent(string Name, string Password, string? Return, bool IsForm);

    /// <summary>Who is signed in; without anybody, how one can sign in.</summary>
    public async Task AnswerSessionAsync(HttpContext http)
    {
        var caller = await sessions.FindAsync(http);
        var row = caller is null ? null : await sessions.FindSessionAsync(http);
        await PageAnswer.WriteJsonAsync(http, StatusCodes.Status200OK, json =>
        {
            json.WriteString("name", caller?.Name);
            if (row is not null)
            {
                json.WriteString("source", row.Source);
                json.WriteString("createdAt", row.CreatedAt);
                json.WriteString("expiresAt", row.ExpiresAt);
            }

            json.WriteBoolean("hasPasswords", settings.Local.Enabled || settings.Ldap is not null);
            json.WriteStartArray("pages");
            foreach (var each in settings.Oidc)
            {
                json.WriteStartObject();
                json.WriteString("name", each.Name);
                json.WriteString("displayName", each.Title);
                json.WriteString("url", cookies.PathOf(SignInPages.StartOf(each.Name)));
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    /// <summary>Signs a browser in with a name and password: a form, which is sent on, or JSON.</summary>
    public async Task SignInAsync(HttpContext http)
    {
        // Otherwise any page could sign its visitors in as somebody, who then sees what they do.
        if (RequestOrigins.Of(http.Request, cookies.Host) == RequestOrigin.Foreign)
        {
            await AnswerAsync(http, isForm: false, StatusCodes.Status403Forbidden, WrongSite);
            return;
        }

        if (await ReadAsync(http) is not { } sent)
        {
            await AnswerAsync(
                http, isForm: false, StatusCodes.Status400BadRequest,
                "the body must be a form or JSON with name and password");
            return;
        }

        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Token) is { } wait)
        {
            await AnswerAsync(
                http, sent.IsForm, StatusCodes.Status429TooManyRequests, "too many sign-ins from here", wait);
            return;
        }

        var found = await signIn.CheckAsync(http, sent.Name, sent.Password);
        if (found.IsBusy)
        {
            var status = found.IsAway ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status429TooManyRequests;
            await AnswerAsync(http, sent.IsForm, status, found.Reason!, found.RetryAfter);
        }
        else if (found.Caller is not { Kind: not CallerKind.Anonymous } caller)
        {
            await AnswerAsync(
                http, sent.IsForm, StatusCodes.Status401Unauthorized, found.Reason ?? "name and password are missing");
        }
        else
        {
            await AdmitAsync(http, sent, caller);
        }
    }

    public async Task SignOutAsync(HttpContext http)
    {
        if (!signIn.IsOfOwnPage(http))
        {
            await AnswerAsync(http, isForm: false, StatusCodes.Status403Forbidden, WrongSite);
            return;
        }

        if (await sessions.FindAsync(http) is { } caller)
        {
            http.Features.Set(caller);
            audit.Note(http, "sign-out", isDone: true);
        }

        await sessions.EndAsync(http);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>
    /// A session may do all that the account may, so what is limited gets none: a token. Users of a file have no
    /// account.
    /// </summary>
    private async Task AdmitAsync(HttpContext http, Sent sent, Caller caller)
    {
        if (caller is not { Id: { } account, Kind: CallerKind.User, Method: SignInMethod.Password })
        {
            await AnswerAsync(
                http, sent.IsForm, StatusCodes.Status403Forbidden,
                "browsers sign in with the password of an account, not with a token or a user of the htpasswd file");
            return;
        }

        if (!(await access.RightsOfAsync(caller, http.RequestAborted)).AreValid)
        {
            await AnswerAsync(
                http, sent.IsForm, StatusCodes.Status403Forbidden, "this account is disabled, or has expired");
            return;
        }

        var row = await sessions.BeginAsync(http, account, "password");
        http.Features.Set(caller);
        audit.Note(http, "sign-in", isDone: true, entry => entry with { Detail = "browser" });
        if (sent.IsForm)
        {
            await PageAnswer.RedirectAsync(http, ReturnPath.IsLocal(sent.Return) ? sent.Return : cookies.Root);
            return;
        }

        await PageAnswer.WriteJsonAsync(http, StatusCodes.Status200OK, json =>
        {
            json.WriteString("name", caller.Name);
            json.WriteString("expiresAt", row.ExpiresAt);
        });
    }

    private static async Task<Sent?> ReadAsync(HttpContext http)
    {
        if (http.Request.ContentLength > MaxBodyBytes) return null;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MaxBodyBytes;
        try
        {
            if (http.Request.HasFormContentType)
            {
                var form = await http.Request.ReadFormAsync(http.RequestAborted);
                return new Sent(form["name"].ToString(), form["password"].ToString(), form["return"], IsForm: true);
            }

            if (http.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true)
                return null;
            using var json = await JsonDocument.ParseAsync(
                http.Request.Body, new JsonDocumentOptions { MaxDepth = 4 }, http.RequestAborted);
            return SignInCalls.TextOf(json.RootElement, "name") is { } name
                && SignInCalls.TextOf(json.RootElement, "password") is { } password
                    ? new Sent(name, password, null, IsForm: false) : null;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or BadHttpRequestException)
        {
            return null;
        }
    }

    private static Task AnswerAsync(
        HttpContext http, bool isForm, int status, string reason, TimeSpan? retryAfter = null) => isForm
            ? PageAnswer.WriteTextAsync(
                http, status, $"You are not signed in: {reason}.\n\nGo back to try again.", retryAfter)
            : PageAnswer.WriteProblemAsync(http, status, "Not signed in", reason, retryAfter);
}
