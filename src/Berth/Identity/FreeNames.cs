using Berth.Access;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Which names people may choose for an account of their own. A user owns the namespace of the name, and rules may be
/// for a user of that name, so nobody gets one that already stands for something.
/// </summary>
internal sealed class FreeNames(SettingsRules rules, IReadOnlySet<string> keylessNamespaces, HtpasswdFile? htpasswd)
{
    private static readonly HashSet<string> Reserved = ["library", "admin", "administrator", "operator", "root"];

    /// <summary>Whether nothing has this name: no account, repository, grant or rule.</summary>
    public async ValueTask<bool> IsFreeAsync(Session session, AccountName name) =>
        !name.IsRobot && !Reserved.Contains(name.Text) && !rules.Mention(name.Text)
        && !keylessNamespaces.Contains(name.Text) && htpasswd?.Knows(name.Text) != true
        && await AccountTable.FindAsync(session, name.Text) is null
        && !await NamespaceTable.IsUsedAsync(session, name.Text)
        && !await InvitationTable.IsForAsync(session, name.Text)
        && !(await KeylessRuleTable.ListAsync(session, 0, KeylessRuleTable.MaxRules)).Exists(
            rule => rule.Names.Split(' ').Any(pattern => pattern.Split('/')[0] == name.Text));
}
