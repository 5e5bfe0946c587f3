using Berth.Access;
using Berth.Api;

namespace Berth.Pages;

/// <summary>Pages of users, invitations and keyless rules.</summary>
internal partial class English
{
    public virtual string Yes => "yes";
    public virtual string No => "no";

    // Users
    public virtual string Users => "Users";
    public virtual string NewUser => "New user";
    public virtual string NewUserText => "They get a password that is shown once. To let them choose one:";
    public virtual string MakeUser => "Make the user";
    public virtual string UserNameHelp => "Their images are NAME/…. " + NameHelp;
    public virtual string WhatTheyMayDo => "What they may do";
    public virtual string UserMakesPublic => "Repositories that they push first are public";
    public virtual string MoreForUser => "Access and removal";
    public virtual string NewPasswordFor => "New password";
    public virtual string RemoveFactors => "Remove second factors";
    public virtual string DeleteUser => "Delete the user";
    public virtual string LinkAccount => "Link an account";
    public virtual string Subject => "Subject";
    public virtual string SubjectHelp => "What the directory calls them for good, such as the claim sub.";

    public virtual IReadOnlyList<(string Value, string Text)> RegistryRoles =>
        [.. Enum.GetValues<RegistryRole>().Select(role => (Roles.Word(role), RoleIs(role)))];

    public virtual string RegistryRoleWord(RegistryRole role) => Roles.Word(role);

    public virtual string PasswordOf(string name) => $"Password of {name}";

    public virtual Warning ResetPassword(string name) => new(
        $"Give {name} a new password?", "Make a new password",
        "The present one stops working, and they are signed out everywhere. Tokens stay good.",
        "The new one is shown to you once.");

    public virtual Warning ResetFactors(string name) => new(
        $"Remove the second factors of {name}?", "Remove them",
        "The authenticator app, the passkeys and the recovery codes are deleted: the password alone signs in again.");

    public virtual Warning SignUserOut(string name) => new(
        $"Sign {name} out everywhere?", "Sign them out",
        "All their browsers and programs that stay signed in have to sign in again. Tokens stay good.");

    public virtual Warning RemoveUser(string name) => new(
        $"Delete the user {name}?", "Delete them",
        "Their tokens, robots and grants are deleted for good. It is refused while their namespace has repositories.",
        "To keep them out and lose nothing, disable them instead.");

    // Invitations
    public virtual string Invitations => "Invitations";
    public virtual string InvitationsText => "Links with which others make their accounts, each good once.";
    public virtual string NoInvitations => "No invitation is open.";
    public virtual string NewInvitation => "New invitation";
    public virtual string MakeInvitation => "Make the link";
    public virtual string InvitationLink => "Link of the invitation";
    public virtual string InvitedNameHelp => "Empty: whoever gets the link chooses.";
    public virtual string InvitationEndHelp => "The link ends with this day (UTC). Empty: as the settings say.";
    public virtual string Joins => "Joins the organization";
    public virtual string JoinsHelp => "Empty: none.";
    public virtual string For => "For";
    public virtual string AnyName => "a name of their choice";
    public virtual string Withdraw => "Withdraw";

    public virtual string InvitationIs(InvitationView made) =>
        $"It is for {made.Name ?? AnyName}, good once, until {made.ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC"
        + (made.Organization is { } joined ? $", and joins {joined}." : ".");

    public virtual Warning RemoveInvitation => new(
        "Withdraw this invitation?", "Withdraw it", "Its link no longer makes an account.");

    // Keyless rules
    public virtual string KeylessRules => "Keyless rules";
    public virtual string KeylessText => "What jobs may do that sign in with a token of their own system.";
    public virtual string NoKeylessRules => "There are no rules: no token of another system is good for anything.";
    public virtual string NewKeylessRule => "New rule";
    public virtual string MakeKeylessRule => "Make the rule";
    public virtual string Rule => "Rule";
    public virtual string Issuer => "Issuer";
    public virtual string IssuerHelp => "Its name in the settings (auth.keyless.issuers).";
    public virtual string Condition => "If";
    public virtual string ConditionHelp => "On the token's claims, such as: ref == \"refs/heads/main\"";
    public virtual string NameInLogs => "Name in logs";
    public virtual string NameInLogsHelp => "With claims in braces. Empty: the token's subject.";
    public virtual string OfSettings => "settings";
    public virtual string OfSettingsText => "This rule is in the settings. Change it there, and restart.";
    public virtual string AllowsNothing => "Allows nothing";

    public virtual Warning RemoveKeylessRule(KeylessRuleView rule) => new(
        $"Delete the rule {rule.Id} of {rule.Issuer}?", "Delete it",
        $"Jobs for which {rule.If} may no longer {string.Join(", ", rule.Actions)} in "
        + $"{string.Join(", ", rule.Names)}.");
}
