namespace Berth.Access;

/// <summary>What somebody is in an organization or in some repositories. Each includes those before it.</summary>
internal enum Role
{
    /// <summary>Belongs to the organization; may do what the grants of its teams allow.</summary>
    Member,

    /// <summary>Pulls.</summary>
    Reader,

    /// <summary>Pulls and pushes.</summary>
    Writer,

    /// <summary>Deletes too, and changes what a repository shows of itself and to whom.</summary>
    Maintainer,

    /// <summary>Decides who may do what.</summary>
    Owner,
}

/// <summary>What somebody is in the whole registry.</summary>
internal enum RegistryRole
{
    None,

    /// <summary>Sees everything, the audit log too, and changes nothing.</summary>
    Auditor,

    /// <summary>May do everything.</summary>
    Administrator,
}

/// <summary>The actions of roles, and the words for both.</summary>
internal static class Roles
{
    private static readonly (string Name, AccessAction Action)[] Actions =
    [
        ("pull", AccessAction.Pull), ("push", AccessAction.Push), ("delete", AccessAction.Delete),
        ("manage", AccessAction.Manage), ("own", AccessAction.Own),
    ];

    public static AccessAction ActionsOf(Role role) => role switch
    {
        Role.Reader => AccessAction.Pull,
        Role.Writer => AccessAction.Pull | AccessAction.Push,
        Role.Maintainer => AccessAction.Pull | AccessAction.Push | AccessAction.Delete | AccessAction.Manage,
        Role.Owner => AccessAction.Pull | AccessAction.Push | AccessAction.Delete | AccessAction.Manage
            | AccessAction.Own,
        _ => AccessAction.SignIn,
    };

    /// <summary>The role with exactly these actions, or null.</summary>
    public static Role? RoleOf(AccessAction actions) => Enum.GetValues<Role>()
        .Where(role => role != Role.Member && ActionsOf(role) == actions).Select(role => (Role?)role).FirstOrDefault();

    /// <summary>The actions' names with commas between, as in <c>pull,push</c>.</summary>
    public static string Write(AccessAction actions) => string.Join(',', NamesOf(actions));

    /// <summary>The first role that may do all of this.</summary>
    public static Role Least(AccessAction actions) => Enum.GetValues<Role>()
        .First(role => (ActionsOf(role) & actions) == actions && role != Role.Member);

    /// <summary>One action as a sentence has it before the name of a repository.</summary>
    public static string Words(AccessAction action) => action switch
    {
        AccessAction.Pull => "pull from",
        AccessAction.Push => "push to",
        AccessAction.Delete => "delete from",
        _ => Write(action),
    };

    public static IEnumerable<string> NamesOf(AccessAction actions) =>
        Actions.Where(known => (actions & known.Action) != 0).Select(known => known.Name);

    /// <summary>Reads what <see cref="Write"/> wrote, and ignores what a newer version may have added.</summary>
    public static AccessAction Read(string text) => ReadAll(text.Split(',')) ?? AccessAction.SignIn;

    /// <summary>The actions with these names; null if there are none, or one is unknown.</summary>
    public static AccessAction? TryRead(IEnumerable<string> names)
    {
        var all = AccessAction.SignIn;
        foreach (var name in names)
        {
            if (ReadAll([name]) is not { } action) return null;
            all |= action;
        }

        return all == AccessAction.SignIn ? null : all;
    }

    /// <summary>A role's word, in lower case.</summary>
    public static string Word(Enum role) => role.ToString().ToLowerInvariant();

    private static AccessAction? ReadAll(IEnumerable<string> names)
    {
        var all = AccessAction.SignIn;
        foreach (var (name, action) in Actions)
        {
            if (names.Contains(name, StringComparer.Ordinal)) all |= action;
        }

        return all == AccessAction.SignIn ? null : all;
    }
}
