using Berth.Access;
using Berth.Audit;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// <c>/auth/sign-in</c>, <c>/auth/session</c>, <c>/auth/password</c> and <c>/auth/logout</c>: the page to sign in at;
/// who is signed in with a browser, and with what one can; sign-in with a password; sign-out.
/// </summary>
internal sealed class SessionPages(
    AuthSettings settings, SignIn signIn, BrowserSessions sessions, BrowserCookies cookies, SignInForms forms,
    SecondFactorPages second, BrowserAdmission admission, AccessRules access, RateLimits rates, AuditLog audit,
    AcceptedSignIns accepted)
{
    private const string WrongSite = "the request comes from a page of another site";

    /// <summary>All ways to sign in.</summary>
    public Task ShowAsync(HttpContext http)
    {
        var back = http.Request.Query["return"].ToString();
        return PageAnswer.WriteHtmlAsync(
            http, StatusCodes.Status200OK, "Sign in", forms.All(ReturnPath.IsLocal(back) ? back : cookies.Root));
    }

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
            await RefuseAsync(http);
            return;
        }

        if (await PageBody.ReadAsync(http) is not { } sent || !sent.Has("name") || !sent.Has("password"))
        {
            await AnswerAsync(
                http, sent: null, StatusCodes.Status400BadRequest,
                "the body must be a form or JSON with name and password");
            return;
        }

        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Token) is { } wait)
        {
            await AnswerAsync(
                http, sent, StatusCodes.Status429TooManyRequests, "too many sign-ins from here", wait);
            return;
        }

        var found = await signIn.CheckInBrowserAsync(http, sent.Text("name"), sent.Text("password"));
        if (found.IsBusy)
        {
            var status = found.IsAway ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status429TooManyRequests;
            await AnswerAsync(http, sent, status, found.Reason!, found.RetryAfter);
        }
        else if (found.Caller is not { Kind: not CallerKind.Anonymous } caller)
        {
            await AnswerAsync(
                http, sent, StatusCodes.Status401Unauthorized, found.Reason ?? "name and password are missing");
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
            await RefuseAsync(http);
            return;
        }

        if (await sessions.FindAsync(http) is { } caller)
        {
            http.Features.Set(caller);
            audit.Note(http, "sign-out", isDone: true);
        }

        await sessions.EndAsync(http);
        if (SentForm.IsIn(http.Request))
        {
            await PageAnswer.RedirectAsync(http, cookies.Root);
            return;
        }

        http.Response.Headers.CacheControl = "no-store";
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>
    /// A session may do all that the account may, so what is limited gets none: a token. Users of a file have no
    /// account.
    /// </summary>
    private async Task AdmitAsync(HttpContext http, PageBody sent, Caller caller)
    {
        if (caller is not { Id: { } account, Kind: CallerKind.User, Method: SignInMethod.Password })
        {
            await AnswerAsync(
                http, sent, StatusCodes.Status403Forbidden,
                "browsers sign in with the password of an account, not with a token or a user of the htpasswd file");
            return;
        }

        var rights = await access.RightsOfAsync(caller, http.RequestAborted);
        if (rights is not { AreValid: true, Account: { } known })
        {
            accepted.NoteOver(http, caller);
            await AnswerAsync(http, sent, StatusCodes.Status403Forbidden, AcceptedSignIns.AccountOver);
        }
        else if (known.Account.HasSecondFactor)
        {
            await second.AskAsync(http, known.Account, sent.Text("return"), sent.IsForm);
        }
        else
        {
            await admission.AdmitAsync(
                http, account, caller.Name, "password", sent.Text("return"), sent.IsForm, caller.CheckedVersion);
        }
    }

    /// <summary>The form is not read: its name and password may be an attacker's.</summary>
    private Task RefuseAsync(HttpContext http) => SentForm.IsIn(http.Request)
        ? PageAnswer.WriteHtmlAsync(
            http, StatusCodes.Status403Forbidden, "Sign in",
            $"<p role=\"alert\">Nothing was done: {WrongSite}. Try again here.</p>\n" + forms.All(cookies.Root, ""))
        : AnswerAsync(http, sent: null, StatusCodes.Status403Forbidden, WrongSite);

    /// <summary>Why nobody was signed in: above the form that was sent, or as an error for a script.</summary>
    private Task AnswerAsync(
        HttpContext http, PageBody? sent, int status, string reason, TimeSpan? retryAfter = null)
    {
        if (sent is not { IsForm: true })
            return PageAnswer.WriteProblemAsync(http, status, "Not signed in", reason, retryAfter);
        if (retryAfter is { } wait) PageAnswer.SetRetry(http, wait);
        var back = sent.Text("return");
        return PageAnswer.WriteHtmlAsync(
            http, status, "Sign in",
            $"<p role=\"alert\">You are not signed in: {PageAnswer.Escape(reason)}.</p>\n"
            + forms.All(ReturnPath.IsLocal(back) ? back : cookies.Root, sent.Text("name")));
    }
}
