using Berth.Access;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Which names people may choose for an account of their own. A user owns the namespace of the name, and rules may be
/// for a user of that name, so nobody gets one that already stands for something.
/// </summary>
internal sealed class AvailableNames(
    SettingsRules rules, IReadOnlySet<string> keylessNamespaces, HtpasswdFile? htpasswd, TimeProvider clock)
{
    private static readonly HashSet<string> Reserved =
        [OfficialNames.Namespace, "admin", "administrator", "anonymous", "berth", "operator", "root"];

    /// <summary>Whether nothing has this name: no account, invitation, repository, grant or rule.</summary>
    public async ValueTask<bool> IsFreeAsync(Session session, AccountName name) =>
        !name.IsRobot && await IsFreeNamespaceAsync(session, name.Text);

    /// <summary>
    /// The same for a user whom another system vouches for, where people may choose their names too. Rules for a user
    /// of that name are meant for them; what is about others is not.
    /// </summary>
    /// <param name="session">The change.</param>
    /// <param name="name">The name there.</param>
    /// <param name="isSamePerson">Whether the settings say that who has the same name is the same person.</param>
    public async ValueTask<bool> IsFreeForExternalAsync(Session session, AccountName name, bool isSamePerson) =>
        !name.IsRobot && name.Text != OfficialNames.Namespace && !rules.GiveOthers(name.Text)
        && (isSamePerson || htpasswd?.Knows(name.Text) != true)
        && !await IsNamespaceUsedAsync(session, name.Text);

    /// <summary>
    /// Whether who pushes to this namespace first may have it: the name is nobody's and kept for nobody, and nobody has
    /// rights there.
    /// </summary>
    public async ValueTask<bool> IsFreeNamespaceAsync(Session session, string name) =>
        !Reserved.Contains(name) && !rules.Mention(name) && htpasswd?.Knows(name) != true
        && await AccountTable.FindAsync(session, name) is null
        && !await InvitationTable.IsForAsync(session, name, clock.GetUtcNow())
        && !await IsNamespaceUsedAsync(session, name);

    /// <summary>Whether others have something in the namespace: repositories, grants or keyless rules.</summary>
    private async ValueTask<bool> IsNamespaceUsedAsync(Session session, string name) =>
        keylessNamespaces.Contains(name) || await NamespaceTable.IsUsedAsync(session, name)
        || (await KeylessRuleTable.AllAsync(session)).Exists(
            rule => rule.Names.Split(' ').Any(pattern => pattern.Split('/')[0] == name));
}
