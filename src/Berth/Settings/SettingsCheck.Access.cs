using Berth.Oci;

namespace Berth.Settings;

/// <summary>Checks the rules of who may do what.</summary>
internal sealed partial class SettingsCheck
{
    private static readonly string[] RuleActions = ["pull", "push", "delete", "manage", "own"];

    private void CheckAccess()
    {
        if (settings.Access.Count > 0 && settings.Auth is { HasUsers: false })
            Notice("access", "there are no users to tell apart; set auth.local.enabled or auth.htpasswd.path");
        if (settings.Audit.Syslog is { } syslog && !IsSyslog(syslog))
            Error("audit.syslog", $"'{syslog}' must be an address such as udp://logs.example.com:514 or tcp://…:601");
        for (var i = 0; i < settings.Access.Count; i++) CheckRule($"access.{i}", settings.Access[i]);
    }

    private void CheckRule(string key, AccessRuleSettings rule)
    {
        if (rule.Allow.Count == 0) Error($"{key}.allow", "a rule must say whom it is for, as in [user:ann, group:dev]");
        if (rule.Actions.Count == 0) Error($"{key}.actions", "a rule must say what it allows, as in [pull, push]");
        if (rule.Names.Count == 0) Error($"{key}.names", "a rule must say where, as in [dev/**]");
        foreach (var who in rule.Allow.Where(who => !IsSubject(who)))
            Error($"{key}.allow", $"'{who}' must be user:NAME, group:NAME, users or anyone");
        foreach (var action in rule.Actions.Where(action => !RuleActions.Contains(action)))
            Error($"{key}.actions", $"'{action}' must be one of {string.Join(", ", RuleActions)}");
        foreach (var name in rule.Names.Where(name => !NamePattern.TryParse(name, out _)))
            Error($"{key}.names", $"'{name}' is no pattern of repository names, such as dev/** or team/*-cache");
        if (rule.Allow.Contains("anyone") && rule.Actions.Any(action => action != "pull"))
            Notice($"{key}.allow", "with anyone, those who can reach the port may do this without signing in");
    }

    private static bool IsSyslog(string text) => Uri.TryCreate(text, UriKind.Absolute, out var address)
        && address is { Scheme: "udp" or "tcp", Port: > 0, PathAndQuery: "/" or "" } && address.Host.Length > 0;

    private static bool IsSubject(string text) => text is "users" or "anyone"
        || (text.Split(':', 2) is ["user" or "group", { Length: > 0 }]);
}
