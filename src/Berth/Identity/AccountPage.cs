using System.Text;
using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;
using QRCoder;

namespace Berth.Identity;

/// <summary><c>/auth/account</c>: what a user signs in with besides the password, and how to change it.</summary>
internal sealed class AccountPage(
    AuthSettings settings, SignIn signIn, BrowserSessions sessions, SecondFactors factors, Passkeys passkeys,
    SignInForms forms, BrowserCookies cookies, KnownRights known, Database database, AccessChanges changes,
    AuditLog audit, Func<HttpContext, string, string> addressOf)
{
    public const string Path = "/auth/account";

    private const string Title = "Signing in";

    private const int MaxActionChars = 20;

    private static readonly string NotOfThisPage = Message("The request is not from this page's form: reload it.");

    public async Task ShowAsync(HttpContext http) => await ShowAsync(http, StatusCodes.Status200OK, message: "");

    public async Task PostAsync(HttpContext http)
    {
        if (!signIn.IsOfOwnPage(http) || !await sessions.IsRecentAsync(http)
            || await sessions.FindAsync(http) is not { Id: { } id } caller)
        {
            await ShowAsync(http, StatusCodes.Status403Forbidden, Message("Sign in again to change this."));
            return;
        }

        if (await PageBody.ReadAsync(http) is not { IsForm: true } sent)
        {
            await ShowAsync(http, StatusCodes.Status400BadRequest, NotOfThisPage);
            return;
        }

        var action = sent.Text("action");
        http.Features.Set(caller);
        var (isDone, message) = await DoAsync(http, id, caller.Name, action, sent);
        audit.Note(
            http, $"POST {Path}", isDone,
            entry => entry with { Detail = action.Length > MaxActionChars ? null : action });
        await ShowAsync(
            http, isDone ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest, message,
            isAddingApp: isDone && action == "begin");
    }

    /// <summary>The image of an address that a phone's camera reads.</summary>
    public static string ImageOf(string address)
    {
        using var generator = new QRCodeGenerator();
        using var data = generator.CreateQrCode(address, QRCodeGenerator.ECCLevel.M);
        using var image = new SvgQRCode(data);
        return image.GetGraphic(pixelsPerModule: 4);
    }

    private async Task<(bool IsDone, string Message)> DoAsync(
        HttpContext http, long id, string name, string action, PageBody sent)
    {
        switch (action)
        {
            case "begin":
                return await factors.BeginAppAsync(id, http.RequestAborted) is { } secret
                    ? (true, NewApp(secret, name, new Uri(addressOf(http, "/")).Host))
                    : (false, Message("There is an app already: remove it first."));
            case "confirm":
                return await factors.ConfirmAppAsync(
                    id, sent.Text("code"), sessions.HashOf(http.Request), http.RequestAborted) is { } first
                    ? (true, Codes(first))
                    : (false, Message("That code is wrong, or too old: begin again."));
            case "remove-app":
                return await factors.RemoveAppAsync(id, http.RequestAborted)
                    ? (true, Message("The app is removed.")) : (false, Message("There is no app to remove."));
            case "codes":
                return await factors.RenewRecoveryCodesAsync(id, http.RequestAborted) is { } codes
                    ? (true, Codes(codes))
                    : (false, Message("Recovery codes are for accounts with a second factor."));
            case "remove-passkey":
                return await passkeys.RemoveAsync(id, sent.Text("passkey"), http.RequestAborted)
                    ? (true, Message("The passkey is removed. Delete it on the device, too."))
                    : (false, Message("There is no such passkey."));
            case "unlink":
                var (_, fault) = await changes.RunAsync(
                    session => ExternalAccounts.UnlinkAsync(session, id, sent.Text("source"), sent.Text("subject")),
                    http.RequestAborted);
                return fault is null
                    ? (true, Message("This account no longer signs you in.")) : (false, Message($"It stays: {fault}."));
            default:
                return (false, NotOfThisPage);
        }
    }

    /// <param name="http">The request.</param>
    /// <param name="status">Its answer's status.</param>
    /// <param name="message">HTML that comes first.</param>
    /// <param name="isAddingApp">Whether that is about the app already.</param>
    private async Task ShowAsync(HttpContext http, int status, string message, bool isAddingApp = false)
    {
        if (await sessions.FindAsync(http) is not { Id: { } id } caller
            || await known.FindAsync(id, http.RequestAborted) is not { } rights)
        {
            await PageAnswer.WriteHtmlAsync(
                http, status, "Sign in", message + forms.All(cookies.PathOf(Path)));
            return;
        }

        var isRecent = await sessions.IsRecentAsync(http);
        var (held, linked) = await database.ReadAsync(
            async session => (
                await SecondFactorTable.HeldByAsync(session, id), await IdentityTable.ListAsync(session, id)),
            http.RequestAborted);
        var page = new StringBuilder(message);
        page.Append($"<p>You are <b>{PageAnswer.Escape(caller.Name)}</b>. ");
        page.Append(rights.Account.HasSecondFactor
            ? "Your password alone does not sign in; programs use tokens in its place.</p>\n"
            : "Anyone who learns your password can sign in: add an app or a passkey.</p>\n");
        if (!isRecent)
        {
            var back = Uri.EscapeDataString(cookies.PathOf(Path));
            page.Append(
                $"<p><a href=\"{cookies.PathOf(SignInForms.Path)}?return={back}\">Sign in again</a> "
                + "to change anything here.</p>\n");
        }

        if (!isAddingApp) AppendApp(page, held, rights.Account, isRecent);
        AppendPasskeys(page, held.Passkeys, isRecent);
        AppendLinks(page, linked, isRecent);
        await PageAnswer.WriteHtmlAsync(http, status, Title, page.ToString());
    }

    private void AppendApp(StringBuilder page, HeldFactors held, AccountRow account, bool isRecent)
    {
        var app = held.App;
        page.Append("<h2>Authenticator app</h2>\n");
        page.Append(app is null
            ? "<p>None: it would show a new code every 30 seconds.</p>\n"
            : $"<p>In use since {app.CreatedAt:yyyy-MM-dd}.</p>\n");
        if (isRecent) page.Append(app is null ? Button("begin", "Add an app") : Button("remove-app", "Remove it"));
        if (!account.HasSecondFactor) return;
        page.Append("<h2>Recovery codes</h2>\n");
        page.Append($"<p>{held.RecoveryCodes} left. Each signs you in once, if you lose the rest.</p>\n");
        if (isRecent) page.Append(Button("codes", "Make new ones"));
    }

    private void AppendPasskeys(StringBuilder page, List<PasskeyRow> keys, bool isRecent)
    {
        page.Append("<h2>Passkeys</h2>\n");
        if (keys.Count == 0) page.Append("<p>None: with one, you sign in by touching your phone or computer.</p>\n");
        else page.Append("<table>\n<tr><th>Name</th><th>Since</th><th>Last used</th></tr>\n");
        foreach (var key in keys)
        {
            var used = key.UsedAt is { } at ? $"{at:yyyy-MM-dd}" : "never";
            page.Append(
                $"<tr><td>{PageAnswer.Escape(key.Name)}</td><td>{key.CreatedAt:yyyy-MM-dd}</td><td>{used}</td>");
            if (isRecent)
            {
                var which = $"<input type=\"hidden\" name=\"passkey\" value=\"{PageAnswer.Escape(key.Id)}\">";
                page.Append($"<td>{Button("remove-passkey", "Remove", which)}</td>");
            }

            page.Append("</tr>\n");
        }

        if (keys.Count > 0) page.Append("</table>\n");
        if (!isRecent) return;
        page.Append(
            "<p><label>Name of the device <input data-passkey-name maxlength=\"100\"></label>\n"
            + "<button type=\"button\" hidden data-passkey=\"add\">Add a passkey</button></p>\n" + forms.Script());
    }

    private void AppendLinks(StringBuilder page, List<IdentityRow> linked, bool isRecent)
    {
        if (linked.Count + settings.Oidc.Count == 0) return;
        page.Append("<h2>Other ways to sign in</h2>\n");
        foreach (var row in linked)
        {
            var title = settings.Oidc.FirstOrDefault(each => each.Source == row.Source)?.Title ?? row.Source;
            page.Append($"<p>{PageAnswer.Escape(title)}, as {PageAnswer.Escape(row.Name)}</p>\n");
            if (!isRecent) continue;
            page.Append(Button(
                "unlink", "Remove", $"<input type=\"hidden\" name=\"source\" value=\"{PageAnswer.Escape(row.Source)}\">"
                + $"<input type=\"hidden\" name=\"subject\" value=\"{PageAnswer.Escape(row.Subject)}\">"));
        }

        foreach (var each in settings.Oidc.Where(each => isRecent && !linked.Exists(row => row.Source == each.Source)))
        {
            page.Append(
                $"<form method=\"post\" action=\"{cookies.PathOf($"/auth/{each.Name}/link")}\">"
                + $"<button>Sign in with {PageAnswer.Escape(each.Title)} too</button></form>\n");
        }
    }

    private string NewApp(byte[] secret, string name, string host)
    {
        var address = factors.AddressOf(secret, name, host);
        var typed = SecondFactors.WithGaps(SecondFactors.TextOf(secret), ' ');
        return $"""
            <h2>New app</h2>
            <p>Scan this with the app, or type <code>{typed}</code> into it.</p>
            {ImageOf(address)}
            <form method="post" action="{cookies.PathOf(Path)}">
            <label>Code that it shows
            <input name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus></label>
            <button name="action" value="confirm">Use it</button>
            </form>

            """;
    }

    private static string Codes(IReadOnlyList<string> codes) =>
        $"""
        <h2>New recovery codes</h2>
        <p>Keep them where you find them without this computer and your phone. They are shown only this once.</p>
        <pre>{string.Join('\n', codes.Select(code => SecondFactors.WithGaps(code)))}</pre>

        """;

    private string Button(string action, string text, string more = "") =>
        $"<form method=\"post\" action=\"{cookies.PathOf(Path)}\">{more}"
        + $"<button name=\"action\" value=\"{action}\">{text}</button></form>\n";

    private static string Message(string text) => $"<p role=\"status\">{PageAnswer.Escape(text)}</p>\n";
}
