using Berth.Oci;
using Berth.Settings;

namespace Berth.Access;

/// <summary>The rules of the settings' <c>access</c> section: who may do what in which repositories.</summary>
internal sealed class SettingsRules
{
    private readonly List<(Subject Who, Grant Grant)> rules = [];

    /// <param name="settings">Checked rules.</param>
    public SettingsRules(IReadOnlyList<AccessRuleSettings> settings)
    {
        for (var i = 0; i < settings.Count; i++)
        {
            var actions = Roles.TryRead(settings[i].Actions) ?? AccessAction.SignIn;
            foreach (var name in settings[i].Names)
            {
                if (!NamePattern.TryParse(name, out var pattern)) continue;
                var grant = new Grant(
                    pattern, actions, $"rule {i + 1} of the settings allows {Roles.Write(actions)} in {pattern}");
                foreach (var who in settings[i].Allow)
                {
                    if (Subject.TryParse(who) is { } subject) rules.Add((subject, grant));
                }
            }
        }
    }

    /// <summary>Whether there are any: without them, the users of a file may do everything.</summary>
    public bool AreAny => rules.Count > 0;

    /// <summary>Whether a rule is for the user with this name, or about the namespace of that name.</summary>
    public bool Mention(string name) =>
        rules.Exists(rule => rule.Who == new Subject("user", name) || rule.Grant.Names.Namespace == name);

    /// <summary>Whether a rule gives others than the user with this name rights in its namespace.</summary>
    public bool GiveOthers(string name) =>
        rules.Exists(rule => rule.Grant.Names.Namespace == name && rule.Who != new Subject("user", name));

    /// <summary>The rule that allows a caller this, or null.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="groups">Their groups.</param>
    /// <param name="action">What for.</param>
    /// <param name="repository">Where.</param>
    public Grant? Find(Caller caller, IReadOnlyList<string> groups, AccessAction action, string repository)
    {
        foreach (var (who, grant) in rules)
        {
            if (who.Is(caller, groups) && grant.Covers(action, repository)) return grant;
        }

        return null;
    }

    /// <summary>All rules for a caller.</summary>
    public IEnumerable<Grant> For(Caller caller, IReadOnlyList<string> groups) =>
        rules.Where(rule => rule.Who.Is(caller, groups)).Select(rule => rule.Grant);

    /// <summary>Whom a rule is for.</summary>
    /// <param name="Kind">The word before the colon, or the whole.</param>
    /// <param name="Name">The name after it, or an empty string.</param>
    internal sealed record Subject(string Kind, string Name)
    {
        /// <summary>Parses <c>user:NAME</c>, <c>group:NAME</c>, <c>users</c> or <c>anyone</c>.</summary>
        public static Subject? TryParse(string text)
        {
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) return text is "users" or "anyone" ? new Subject(text, "") : null;
            var subject = new Subject(text[..colon], text[(colon + 1)..]);
            return subject is { Kind: "user" or "group", Name.Length: > 0 } ? subject : null;
        }

        public bool Is(Caller caller, IReadOnlyList<string> groups) => Kind switch
        {
            "anyone" => true,
            "users" => caller.Kind != CallerKind.Anonymous,
            "user" => caller.Kind is CallerKind.User or CallerKind.Robot && caller.Name == Name,
            // Directories ignore the case of names (RFC 4519), and so do the public systems.
            _ => groups.Contains(Name, StringComparer.OrdinalIgnoreCase),
        };
    }
}
