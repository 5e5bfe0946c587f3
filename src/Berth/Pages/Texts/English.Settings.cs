using Berth.Access;
using Berth.Api;

namespace Berth.Pages;

/// <summary>Pages of settings, and what all forms have.</summary>
internal partial class English
{
    // Your account
    public virtual string Profile => "Profile";
    public virtual string UserName => "Name";
    public virtual string FullName => "Display name";
    public virtual string Email => "E-mail";
    public virtual string RoleLabel => "Role in the registry";
    public virtual string Groups => "Groups of other directories";
    public virtual string MakesPublic => "Repositories that I push first are public";
    public virtual string MakesPublicHelp => "Anyone may pull from them without signing in. What is there stays so.";

    public virtual string NoAccount =>
        "You are signed in with a name of the users file or another system, and have no account here to change.";

    // Signing in
    public virtual string SignInTitle => "Password and sign-in";
    public virtual string ChangePassword => "Change the password";
    public virtual string CurrentPassword => "Present password";
    public virtual string NewPassword => "New password";
    public virtual string PasswordAgain => "New password again";
    public virtual string PasswordHelp => "Other browsers and docker have to sign in again. Tokens stay good.";
    public virtual string SecondFactor => "Besides the password";
    public virtual string App => "Authenticator app";
    public virtual string InUse => "In use";
    public virtual string None => "None";
    public virtual string RecoveryCodes => "Recovery codes";
    public virtual string Passkeys => "Passkeys";
    public virtual string Linked => "Accounts of other directories";
    public virtual string ChangeFactors => "Change what you sign in with";

    public virtual string LeastPassword(int chars) => $"At least {Whole(chars)} characters.";

    public virtual string Left(long count) => $"{Whole(count)} left";

    // Tokens
    public virtual string Tokens => "Tokens";
    public virtual string TokensText => "Programs sign in with them in place of your password, and can't change it.";
    public virtual string NoTokens => "You have no tokens yet. Make one for each machine that signs in as you.";
    public virtual string NewToken => "New token";
    public virtual string MakeToken => "Make the token";
    public virtual string NameLabel => "Name";
    public virtual string TokenNameHelp => "What it is for, such as the machine that keeps it.";
    public virtual string Allows => "Allows";
    public virtual string TokenActionsHelp => "Without any, all that you may do.";
    public virtual string OnlyRepositories => "Only in these repositories";
    public virtual string LastDay => "Last day";
    public virtual string LastDayHelp => "It ends with this day (UTC). Empty: never.";
    public virtual string AllThatIMay => "all that its owner may do";
    public virtual string LastUsed => "Last used";
    public virtual string Ends => "Ends";
    public virtual string Actions => "Actions";
    public virtual string Rotate => "Rotate";
    public virtual string Revoke => "Revoke";
    public virtual string ShownOnce => "Copy it now: it is shown only this once.";
    public virtual string UseSecret => "To sign in with it";
    public virtual string PasteSecret => "Paste the secret when it asks for the password.";
    public virtual string Kept => "Done: I have saved it";
    public virtual string RotateText => "A new secret takes the place of the old, with the same rights.";
    public virtual string Overlap => "The old secret stays good for";

    public virtual string PatternsHelp =>
        "One a line: acme/app, acme/* for those directly in acme, acme/** for all below it. Empty: everywhere.";

    public virtual IReadOnlyList<(string Value, string Text)> Overlaps =>
    [
        ("0", "no time: it ends now"), ("3600", "an hour"), ("86400", "a day"), ("604800", "a week"),
        ("2592000", "30 days"),
    ];

    public virtual string FromAddress(string address) => $"from {address}";

    public virtual string RotateQuestion(string name) => $"Rotate the secret of {name}?";

    /// <summary>The boxes of what may be allowed.</summary>
    /// <param name="usual">Those that are checked at first.</param>
    public virtual IReadOnlyList<(string Value, string Text, bool Usual)> ActionBoxes(IReadOnlyList<string> usual) =>
        [.. new[]
        {
            ("pull", "pull"), ("push", "push"), ("delete", "delete"),
            ("manage", "manage: change what a repository shows, and to whom"),
            ("own", "own: decide who may do what"),
        }.Select(one => (one.Item1, one.Item2, usual.Contains(one.Item1)))];

    public virtual Warning RevokeToken(string name) => new(
        $"Revoke the token {name}?", "Revoke it", "Programs that sign in with it can't any more, from now on.");

    // Sessions
    public virtual string Sessions => "Sessions";
    public virtual string SessionsText => "Browsers that are signed in as you, and programs that stay so.";
    public virtual string NoSessions => "Nobody is signed in as you with a browser. Tokens are not counted here.";
    public virtual string Client => "Browser or program";
    public virtual string ThisBrowser => "this browser";
    public virtual string UnknownClient => "unknown";
    public virtual string SignedIn => "Signed in";
    public virtual string End => "Sign out";
    public virtual string EndAll => "Sign out everywhere";

    public virtual Warning EndAllSessions => new(
        "Sign out everywhere?", "Sign out everywhere",
        "All browsers, this one too, and all programs that stay signed in have to sign in again. Tokens stay good.");

    public virtual string SessionKind(string kind) => kind;

    public virtual string RoleIs(RegistryRole role) => role switch
    {
        RegistryRole.Administrator => "Administrator: may do everything",
        RegistryRole.Auditor => "Auditor: sees everything, and changes nothing",
        _ => "None: may do what owners of repositories allow",
    };

    public virtual string RoleWord(Role role) => Roles.Word(role);

    /// <summary>What has just been done; null for a word that there is not.</summary>
    public virtual string? WhatWasDone(string what) => what switch
    {
        Said.Added => "Added.",
        Said.Deleted => "Deleted. It can be restored from the trash for a while.",
        Said.Emptied => "Emptied. What was in it is removed for good in the background.",
        Said.Password => "The password is changed.",
        Said.Removed => "Removed.",
        Said.Renamed => "Renamed. Pulls by the old name still work.",
        Said.Restored => "Restored.",
        Said.Revoked => "Revoked. Nobody can sign in with it any more.",
        Said.Saved => "Saved.",
        Said.SignedOut => "Signed out.",
        _ => null,
    };

    // Forms
    public virtual string Save => "Save";
    public virtual string KeepIt => "Cancel";
    public virtual string NotDone => "Nothing was changed.";

    public virtual string PartlyDone => "Not all was done.";

    public virtual string Group(SettingsGroup group) => group switch
    {
        SettingsGroup.You => "You",
        SettingsGroup.Organizations => "Organizations",
        SettingsGroup.Storage => "Your images",
        _ => "Registry",
    };

    /// <summary>What was wrong with a form, for people.</summary>
    public virtual string Detail(ApiError error) => error.Status == StatusCodes.Status412PreconditionFailed
        ? "somebody else has changed this meanwhile: reload the page to see what it is now. If you send this again, it "
            + "replaces that"
        : error.Field is { } field && error.Detail.StartsWith(field + " ", StringComparison.Ordinal)
            ? LabelOf(field) + error.Detail[field.Length..] : error.Detail;

    /// <summary>A field of the API as its form calls it.</summary>
    public virtual string LabelOf(string field) => field switch
    {
        "expiresAt" => "The last day",
        "fullName" => FullName,
        "graceSeconds" => "The time",
        "keepForSeconds" => KeepFor,
        "keepLastPulled" => KeepLastPulled,
        "keepLastPushed" => KeepLast,
        "keepVersions" => KeepVersions,
        "maxBytes" => MostBytes,
        "maxTags" => MostTags,
        "new" => NewPassword,
        "untaggedSeconds" => UntaggedFor,
        _ => string.Concat(field.Select(c => char.IsAsciiLetterUpper(c) ? $" {char.ToLowerInvariant(c)}" : $"{c}")),
    };

    /// <summary>The same, of what may begin with the name of whoever looks, which stays as it is.</summary>
    public virtual string Sentence(string text, string? user) =>
        user is not null && text.StartsWith(user + " ", StringComparison.Ordinal)
            ? user + Sentence("x" + text[user.Length..])[1..] : Sentence(text);

    /// <summary>Words of the API, which begin small and end without a stop.</summary>
    public virtual string Sentence(string text) =>
        text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..] + (text[^1] is '.' ? "" : ".");
}
