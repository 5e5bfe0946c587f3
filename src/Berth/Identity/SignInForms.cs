using Berth.Settings;

namespace Berth.Identity;

/// <summary>The page to sign in at, and its parts that other pages show.</summary>
internal sealed class SignInForms(AuthSettings settings, BrowserCookies cookies)
{
    public const string Path = "/auth/sign-in";
    public const string ScriptPath = "/auth/passkeys.js";

    private readonly bool hasPasswords = settings.Local.Enabled || settings.Ldap is not null;

    /// <summary>All ways to sign in.</summary>
    /// <param name="back">Where the browser goes afterwards.</param>
    /// <param name="name">The name that was typed before.</param>
    public string All(string back, string name = "")
    {
        var links = string.Concat(settings.Oidc.Select(each =>
            $"<p><a href=\"{cookies.PathOf(SignInPages.StartOf(each.Name))}?return={Uri.EscapeDataString(back)}\">"
            + $"{PageAnswer.Escape(each.Title)}</a></p>\n"));
        if (!hasPasswords)
        {
            // For the administrators that "berth user add" made.
            return $"{links}<details><summary>Sign in with a password</summary>\n{Password(back, name)}</details>\n";
        }

        var register = settings.Local.OpenRegistration
            ? $"<p><a href=\"{cookies.PathOf(JoinPages.RegisterPath)}\">Make an account</a></p>\n"
            : "";
        return links + Password(back, name) + register;
    }

    private string Password(string back, string name) =>
        $"""
        <form method="post" action="{cookies.PathOf("/auth/password")}">
        <input type="hidden" name="return" value="{PageAnswer.Escape(back)}">
        <label>Name <input name="name" value="{PageAnswer.Escape(name)}" autocomplete="username webauthn" required
        {(name.Length == 0 ? "autofocus" : "")}></label>
        <label>Password <input name="password" type="password" autocomplete="current-password" required
        {(name.Length == 0 ? "" : "autofocus")}></label>
        <button>Sign in</button>
        </form>
        {PasskeyButton(ticket: "", back)}

        """;

    /// <summary>Asks for the second factor, after the right password.</summary>
    /// <param name="ticket">Proves the password.</param>
    /// <param name="back">Where the browser goes afterwards.</param>
    /// <param name="hasApp">Whether there is an app that shows codes.</param>
    /// <param name="hasPasskeys">Whether there are passkeys.</param>
    public string Code(string ticket, string back, bool hasApp, bool hasPasskeys) =>
        $"""
        <p>{(hasApp ? "Type the code that your authenticator app shows." : "Use your passkey.")}
        If you have lost it, type one of your recovery codes.</p>
        <form method="post" action="{cookies.PathOf(SecondFactorPages.Path)}">
        <input type="hidden" name="ticket" value="{PageAnswer.Escape(ticket)}">
        <input type="hidden" name="return" value="{PageAnswer.Escape(back)}">
        <label>Code <input name="code" autocomplete="one-time-code" spellcheck="false" required autofocus></label>
        <button>Sign in</button>
        </form>
        {(hasPasskeys ? PasskeyButton(ticket, back) : "")}
        """;

    /// <summary>Hidden until the script finds that the browser knows passkeys.</summary>
    private string PasskeyButton(string ticket, string back) =>
        $"""
        <p><button type="button" hidden data-passkey="sign-in" data-ticket="{PageAnswer.Escape(ticket)}"
        data-return="{PageAnswer.Escape(back)}">Use a passkey</button></p>
        {Script()}
        """;

    /// <summary>What shows and handles the buttons of passkeys.</summary>
    public string Script() =>
        $"""
        <p role="status" data-passkey-status></p>
        <script type="module" src="{cookies.PathOf(ScriptPath)}" data-root="{PageAnswer.Escape(cookies.Root)}"></script>
        """;
}
