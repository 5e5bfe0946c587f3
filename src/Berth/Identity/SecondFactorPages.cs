using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// <c>/auth/second-factor</c>, the second step after a password, and <c>/auth/passkeys</c>, which is that step or the
/// whole sign-in.
/// </summary>
internal sealed class SecondFactorPages(
    StepTickets tickets, SecondFactors factors, Passkeys passkeys, SignInForms forms, BrowserAdmission admission,
    BrowserCookies cookies, KnownRights known, Database database, RateLimits rates, RefusedSignIns refused,
    TimeProvider clock,
    Func<HttpContext, string, string> addressOf)
{
    public const string Path = "/auth/second-factor";
    public const string PasskeyPath = "/auth/passkeys";

    private const string Title = "One more step";
    private const string WrongCode = "this code is wrong, or was used already";

    private static readonly TimeSpan RetrySoon = TimeSpan.FromSeconds(1);

    private readonly byte[] script = ReadScript();

    /// <summary>Asks for the second factor of an account whose password was right.</summary>
    public async Task AskAsync(HttpContext http, AccountRow account, string? returnTo, bool isPage)
    {
        var ticket = await tickets.MakeAsync(StepTickets.SecondFactor, account.Id, http.RequestAborted);
        await AskAsync(http, ticket, account, returnTo, isPage, StatusCodes.Status200OK, fault: null);
    }

    /// <summary>Takes a code of the app, or a recovery code.</summary>
    public async Task PostCodeAsync(HttpContext http)
    {
        if (await ReadAsync(http) is not { } body) return;
        if (await tickets.ReadAsync(StepTickets.SecondFactor, body.Text("ticket"), http.RequestAborted)
                is not { } ticket
            || await FindActiveAsync(http, ticket.AccountId) is not { } account)
        {
            await AnswerAsync(
                http, body.IsForm, StatusCodes.Status400BadRequest, "this sign-in took too long: begin again");
            return;
        }

        var client = http.Connection.RemoteIpAddress;
        SessionRow? begun = null;
        var answer = await factors.CheckAsync(
            account, body.Text("code"), client,
            async (found, use) => (begun = await admission.BeginAsync(
                http, found == CodeAnswer.App ? "password and code" : "password and recovery code",
                async session => await use(session) ? account.Id : null)) is not null,
            http.RequestAborted);
        switch (answer)
        {
            case CodeAnswer.Slowed:
                var wait = factors.FindWait(account.Name, client) ?? RetrySoon;
                await AnswerAsync(
                    http, body.IsForm, StatusCodes.Status429TooManyRequests,
                    $"too many wrong codes; try again in {RateLimits.SecondsOf(wait)} seconds", wait);
                break;
            case CodeAnswer.Wrong:
                refused.Note(http, account.Name, "wrong code of the second factor");
                await AskAsync(
                    http, ticket, account, body.Text("return"), body.IsForm, StatusCodes.Status401Unauthorized,
                    WrongCode);
                break;
            default:
                await admission.AnswerAsync(http, begun!, account.Name, body.Text("return"), body.IsForm);
                break;
        }
    }

    /// <summary>Asks for a passkey: with a ticket, for one of the user whose password was right.</summary>
    public async Task AskPasskeyAsync(HttpContext http)
    {
        if (await ReadAsync(http) is not { } body) return;
        var (sent, account) = (body.Text("ticket"), 0L);
        if (sent.Length > 0)
        {
            if (await tickets.ReadAsync(StepTickets.SecondFactor, sent, http.RequestAborted) is not { } ticket)
            {
                await AnswerAsync(
                    http, false, StatusCodes.Status400BadRequest, "this sign-in took too long: begin again");
                return;
            }

            account = ticket.AccountId;
        }

        var question = await passkeys.AskAsync(account, OriginOf(http), http.RequestAborted);
        await WriteAsync(http, question);
    }

    /// <summary>Takes a passkey's answer.</summary>
    public async Task PostPasskeyAsync(HttpContext http)
    {
        if (await ReadAsync(http) is not { } body) return;
        var id = body.Object("credential") is { } credential
            ? await passkeys.CheckAsync(body.Text("ticket"), credential, OriginOf(http), http.RequestAborted)
            : null;
        if (id is null || await FindActiveAsync(http, id.Value) is not { } account)
        {
            refused.NoteUnslowed(http, "", "a passkey that is not known, or its answer is wrong");
            await AnswerAsync(
                http, false, StatusCodes.Status401Unauthorized,
                "this passkey is not known here, or it took too long: try again, or sign in with the password");
            return;
        }

        await admission.AdmitAsync(http, account.Id, account.Name, "passkey", body.Text("return"), isPage: false);
    }

    public Task AnswerScriptAsync(HttpContext http) => PageAnswer.WriteScriptAsync(http, script);

    /// <summary>The scheme and host at which browsers see the registry, which passkeys are bound to.</summary>
    public Uri OriginOf(HttpContext http) => new(addressOf(http, "/"));

    /// <summary>The question as JSON, whose options a browser reads.</summary>
    private static Task WriteAsync(HttpContext http, PasskeyQuestion question) =>
        PageAnswer.WriteJsonAsync(http, StatusCodes.Status200OK, json =>
        {
            json.WriteString("ticket", question.Ticket);
            json.WritePropertyName("options");
            json.WriteRawValue(question.Options);
        });

    private async Task AskAsync(
        HttpContext http, StepTicket ticket, AccountRow account, string? returnTo, bool isPage, int status,
        string? fault)
    {
        var held = await database.ReadAsync(
            session => SecondFactorTable.HeldByAsync(session, account.Id), http.RequestAborted);
        var (hasApp, hasPasskeys) = (held.App is not null, held.Passkeys.Count > 0);
        if (isPage)
        {
            var back = ReturnPath.IsLocal(returnTo) ? returnTo : cookies.Root;
            var reason = fault is null ? "" : $"<p role=\"alert\">{PageAnswer.Escape($"Sorry: {fault}.")}</p>\n";
            await PageAnswer.WriteHtmlAsync(
                http, status, Title, reason + forms.Code(ticket.Text, back, hasApp, hasPasskeys));
            return;
        }

        if (fault is not null)
        {
            await PageAnswer.WriteProblemAsync(http, status, "Not signed in", fault);
            return;
        }

        await PageAnswer.WriteJsonAsync(http, status, json =>
        {
            json.WriteString("ticket", ticket.Text);
            json.WriteBoolean("hasApp", hasApp);
            json.WriteBoolean("hasPasskeys", hasPasskeys);
        });
    }

    /// <summary>What was sent; null if it was answered already.</summary>
    private async Task<PageBody?> ReadAsync(HttpContext http)
    {
        if (RequestOrigins.Of(http.Request, cookies.Host) == RequestOrigin.Foreign)
        {
            await AnswerAsync(
                http, false, StatusCodes.Status403Forbidden, "the request comes from a page of another site");
            return null;
        }

        if (await PageBody.ReadAsync(http) is not { } body)
        {
            await AnswerAsync(http, false, StatusCodes.Status400BadRequest, "the body must be a form or JSON");
            return null;
        }

        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Token) is not { } wait) return body;
        await AnswerAsync(
            http, body.IsForm, StatusCodes.Status429TooManyRequests, "too many sign-ins from here", wait);
        return null;
    }

    private async ValueTask<AccountRow?> FindActiveAsync(HttpContext http, long accountId) =>
        await known.FindAsync(accountId, http.RequestAborted) is { } rights && rights.IsActive(clock.GetUtcNow())
            ? rights.Account : null;

    private static Task AnswerAsync(
        HttpContext http, bool isPage, int status, string reason, TimeSpan? retryAfter = null) =>
        PageAnswer.WriteNotSignedInAsync(http, isPage, status, reason, retryAfter);

    private static byte[] ReadScript()
    {
        using var stream = typeof(SecondFactorPages).Assembly.GetManifestResourceStream("passkeys.js")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
