using Berth.Identity;

namespace Berth.Pages;

/// <summary>A page of settings: within the frame, beside the links to the other pages of settings.</summary>
internal abstract class SettingsSlice<T> : PageSlice<T>
{
    public override bool IsOfSettings => true;
}

/// <summary>A link beside the pages of settings.</summary>
/// <param name="Group">Under which heading.</param>
/// <param name="Path">The page; those below it belong to it.</param>
/// <param name="Icon">A picture beside the words.</param>
/// <param name="TextIn">The words.</param>
/// <param name="IsFor">Whether the page is for whoever looks.</param>
internal sealed record SettingsLink(
    SettingsGroup Group, string Path, string Icon, Func<English, string> TextIn, Func<Frame, bool> IsFor)
{
    /// <summary>All of them, in their order.</summary>
    public static IReadOnlyList<SettingsLink> All { get; } =
    [
        new(
            SettingsGroup.You, ProfilePages.Path, "users", words => words.Profile,
            frame => frame.UserName is not null),
        new(SettingsGroup.You, SignInSettings.Path, "shield", words => words.SignInTitle, frame => frame.HasAccount),
        new(SettingsGroup.You, TokenPages.Path, "key", words => words.Tokens, frame => frame.HasAccount),
        new(SettingsGroup.You, SessionsPages.Path, "globe", words => words.Sessions, frame => frame.HasAccount),
        new(
            SettingsGroup.Organizations, OrganizationPages.Path, "users",
            words => words.Group(SettingsGroup.Organizations), frame => frame.HasAccount),
        new(
            SettingsGroup.Organizations, AccessPages.Path, "lock", words => words.Access, frame => frame.HasAccount),
        new(SettingsGroup.Organizations, RobotPages.Path, "package", words => words.Robots, frame => frame.HasAccount),
        new(SettingsGroup.Registry, UserPages.Path, "users", words => words.Users, frame => frame.IsStaff),
        new(
            SettingsGroup.Registry, InvitationPages.Path, "mail", words => words.Invitations,
            frame => frame.IsAdministrator),
        new(SettingsGroup.Registry, KeylessRulePages.Path, "key", words => words.KeylessRules, frame => frame.IsStaff),
        .. RegistryLinks.All,
    ];

    /// <summary>The heading for whoever looks: what has pages of the registry for staff is about one's own for others.
    /// </summary>
    public SettingsGroup GroupFor(Frame frame) =>
        Group == SettingsGroup.Registry && !frame.IsStaff ? SettingsGroup.Storage : Group;

    /// <summary>Whether a page is this one, or below it.</summary>
    public bool IsAt(string path) => path.Split('?')[0] is var page
        && (page == Path || page.StartsWith(Path + "/", StringComparison.Ordinal));
}

/// <summary>The headings of the links beside the pages of settings.</summary>
internal enum SettingsGroup
{
    /// <summary>One's own account.</summary>
    You,

    /// <summary>Namespaces that several users share.</summary>
    Organizations,

    /// <summary>What one keeps, for those who see no more of the registry.</summary>
    Storage,

    /// <summary>The registry as a whole, for administrators and auditors.</summary>
    Registry,
}
