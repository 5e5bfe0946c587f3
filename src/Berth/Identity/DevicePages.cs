using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// <c>/auth/device</c>, where a program without a browser asks, and a person confirms it; and
/// <c>/auth/device/token</c>, where the program waits for the answer.
/// </summary>
internal sealed class DevicePages(
    SignInForms forms, DeviceSignIn devices, SignIn signIn, BrowserSessions sessions, BrowserCookies cookies,
    FailedSignIns failed, RateLimits rates, AuditLog audit, Func<HttpContext, string, string> addressOf)
{
    public const string Path = "/auth/device";

    private const string Title = "Let a program in";
    private const int MaxBodyBytes = 4 * 1024;
    private const int MaxNameChars = 64;

    private static readonly TimeSpan RetrySoon = TimeSpan.FromMinutes(1);

    /// <summary>RFC 8628, section 3.1, for a program; a form from our own page, for a person.</summary>
    public async Task PostAsync(HttpContext http)
    {
        if (await ReadFormAsync(http) is not { } form)
            await PageAnswer.WriteProblemAsync(http, 400, "Not a form", "the body must be a small form");
        else if (form.ContainsKey("decision")) await DecideAsync(http, form);
        else await BeginAsync(http, form);
    }

    /// <summary>Shows a person what asks, and with which code.</summary>
    public async Task ShowAsync(HttpContext http)
    {
        var typed = http.Request.Query["code"].ToString();
        if (await sessions.FindAsync(http) is not { } caller)
        {
            await PageAnswer.WriteHtmlAsync(
                http, StatusCodes.Status200OK, "Sign in", SignInForm(typed));
            return;
        }

        if (typed.Length == 0)
        {
            await PageAnswer.WriteHtmlAsync(
                http, StatusCodes.Status200OK, Title, CodeForm("Type the code that it shows."));
            return;
        }

        if (await FindAsync(http, caller, typed) is not { } row)
        {
            await AnswerUnknownAsync(http);
            return;
        }

        var code = PageAnswer.Escape($"{row.UserCode[..4]}-{row.UserCode[4..]}");
        await PageAnswer.WriteHtmlAsync(
            http, StatusCodes.Status200OK, Title,
            $"""
            <p><b>{PageAnswer.Escape(row.Name)}</b>, at the address {PageAnswer.Escape(row.Address ?? "unknown")},
            asks to sign in as <b>{PageAnswer.Escape(caller.Name)}</b>. It gets a personal token with which it may do
            all that you may do, for {DeviceSignIn.TokenLifetime.TotalDays:0} days or until you revoke it.</p>
            <p>Only go on if you have just run <code>berth login</code> yourself, and it shows this code:
            <b>{code}</b></p>
            <form method="post" action="{cookies.PathOf(Path)}">
            <input type="hidden" name="code" value="{code}">
            <button name="decision" value="allow">Let it in</button>
            <button name="decision" value="deny">Refuse</button>
            </form>
            """);
    }

    /// <summary>RFC 8628, section 3.4.</summary>
    public async Task AnswerTokenAsync(HttpContext http)
    {
        var form = await ReadFormAsync(http);
        if (form?["device_code"] is not [{ Length: > 0 and <= 128 } secret])
        {
            await AnswerErrorAsync(http, "invalid_request");
            return;
        }

        var (answer, token) = await devices.PollAsync(secret, http.RequestAborted);
        if (token is null)
        {
            await AnswerErrorAsync(http, answer switch
            {
                DeviceAnswer.Pending => "authorization_pending",
                DeviceAnswer.TooSoon => "slow_down",
                DeviceAnswer.Denied => "access_denied",
                _ => "expired_token",
            });
            return;
        }

        await PageAnswer.WriteJsonAsync(http, StatusCodes.Status200OK, json =>
        {
            json.WriteString("access_token", token.Secret);
            json.WriteString("token_type", "Bearer");
            json.WriteNumber("expires_in", (long)DeviceSignIn.TokenLifetime.TotalSeconds);
            json.WriteString("name", token.User);
            json.WriteString("expires_at", token.ExpiresAt);
        });
    }

    private async Task BeginAsync(HttpContext http, IFormCollection form)
    {
        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Token) is { } wait)
        {
            await PageAnswer.WriteProblemAsync(http, 429, "Too many requests", "too many sign-ins from here", wait);
            return;
        }

        var name = PlainText.Of(form["name"].ToString(), MaxNameChars).Trim();
        var begun = await devices.BeginAsync(
            name.Length == 0 ? "a program" : name,
            http.Connection.RemoteIpAddress, http.RequestAborted);
        if (begun is not var (secret, code))
        {
            await PageAnswer.WriteProblemAsync(
                http, 429, "Too many requests", "too many programs wait to be let in", RetrySoon);
            return;
        }

        var page = addressOf(http, Path);
        await PageAnswer.WriteJsonAsync(http, StatusCodes.Status200OK, json =>
        {
            json.WriteString("device_code", secret);
            json.WriteString("user_code", code);
            json.WriteString("verification_uri", page);
            json.WriteString("verification_uri_complete", $"{page}?code={code}");
            json.WriteNumber("expires_in", (int)DeviceSignIn.Lifetime.TotalSeconds);
            json.WriteNumber("interval", (int)DeviceSignIn.Interval.TotalSeconds);
        });
    }

    private async Task DecideAsync(HttpContext http, IFormCollection form)
    {
        if (await sessions.FindAsync(http) is not { Id: { } account } caller || !signIn.IsOfOwnPage(http))
        {
            await PageAnswer.WriteTextAsync(
                http, StatusCodes.Status403Forbidden,
                "You are not signed in, or this did not come from the registry's page.\n\n"
                + $"Go to {addressOf(http, Path)}");
            return;
        }

        var row = await FindAsync(http, caller, form["code"].ToString());
        var isAllowed = form["decision"] == "allow";
        if (row is null || !await devices.DecideAsync(row, account, isAllowed, http.RequestAborted))
        {
            await AnswerUnknownAsync(http);
            return;
        }

        http.Features.Set(caller);
        audit.Note(http, "sign-in", isAllowed, entry => entry with { Detail = $"berth login on {row.Name}" });
        await PageAnswer.WriteHtmlAsync(
            http, StatusCodes.Status200OK, isAllowed ? "It is accepted" : "It is refused",
            isAllowed
                ? "<p>You can close this page: the program goes on by itself.</p>"
                : "<p>Nothing was allowed.</p>");
    }

    /// <summary>Guessing somebody else's code is slowed down as guessing a password is.</summary>
    private async Task<DeviceRow?> FindAsync(HttpContext http, Caller caller, string typed)
    {
        var (key, client) = ($"device code of {caller.Name}", http.Connection.RemoteIpAddress);
        if (failed.FindWait(key, client) is not null) return null;
        var row = await devices.FindAsync(typed, http.RequestAborted);
        if (row is null) failed.NoteWrong(key, client);
        return row;
    }

    private Task AnswerUnknownAsync(HttpContext http) => PageAnswer.WriteHtmlAsync(
        http, StatusCodes.Status404NotFound, Title,
        CodeForm("No program waits with this code: it may have expired. Run it again, and type what it shows."));

    private string CodeForm(string text) =>
        $"""
        <p>{PageAnswer.Escape(text)}</p>
        <form method="get" action="{cookies.PathOf(Path)}">
        <label>Code <input name="code" autocomplete="off" autofocus></label>
        <button>Go on</button>
        </form>
        """;

    private string SignInForm(string typed) => forms.All(typed.Length == 0
        ? cookies.PathOf(Path)
        : $"{cookies.PathOf(Path)}?code={Uri.EscapeDataString(typed)}");

    private static async Task<IFormCollection?> ReadFormAsync(HttpContext http)
    {
        if (!SentForm.IsIn(http.Request) || http.Request.ContentLength > MaxBodyBytes) return null;
        try
        {
            return await SentForm.ReadAsync(http, MaxBodyBytes);
        }
        catch (BadHttpRequestException)
        {
            return null;
        }
    }

    private static Task AnswerErrorAsync(HttpContext http, string error) =>
        PageAnswer.WriteJsonAsync(http, StatusCodes.Status400BadRequest, json => json.WriteString("error", error));
}
