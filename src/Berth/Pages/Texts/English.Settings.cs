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

    public virtual string RoleIs(RegistryRole role) => role switch
    {
        RegistryRole.Administrator => "Administrator: may do everything",
        RegistryRole.Auditor => "Auditor: sees everything, and changes nothing",
        _ => "None: may do what owners of repositories allow",
    };

    public virtual string RoleWord(Role role) => Roles.Word(role);

    // Forms
    public virtual string Save => "Save";
    public virtual string KeepIt => "Cancel";
    public virtual string NotDone => "Nothing was changed.";

    public virtual string Group(SettingsGroup group) => group switch
    {
        SettingsGroup.You => "You",
        SettingsGroup.Organizations => "Organizations",
        _ => "Registry",
    };

    /// <summary>What was wrong with a form, for people.</summary>
    public virtual string Detail(ApiError error) => error.Status == StatusCodes.Status412PreconditionFailed
        ? "somebody else has changed this meanwhile: reload the page to see what it is now. If you send this again, it "
            + "replaces that"
        : error.Detail;

    /// <summary>Words of the API, which begin small and end without a stop.</summary>
    public virtual string Sentence(string text) =>
        text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..] + (text[^1] is '.' ? "" : ".");
}
