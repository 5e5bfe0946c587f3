using System.Globalization;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>Reads the rules of the settings, and tells people about tokens.</summary>
internal static class KeylessRules
{
    private const int MaxFactChars = 400;

    /// <summary>
    /// Issuers of which everyone in the world gets tokens, and the claims of which a rule needs at least one.
    /// </summary>
    private static readonly (string Url, string[] Claims)[] PublicIssuers =
    [
        ("https://token.actions.githubusercontent.com",
        [
            "sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "job_workflow_ref",
            "workflow_ref", "enterprise", "enterprise_id",
        ]),
        ("https://gitlab.com",
            ["sub", "project_path", "project_id", "namespace_path", "namespace_id", "ci_config_ref_uri"]),
        ("https://accounts.google.com", ["sub", "email", "hd", "azp", "google"]),
    ];

    /// <summary>The rules that can be used.</summary>
    /// <param name="settings">All issuers.</param>
    /// <param name="faults">What is wrong with the others, and with files.</param>
    public static IReadOnlyList<KeylessRule> Read(KeylessSettings settings, out List<SettingsFault> faults)
    {
        var (rules, found) = (new List<KeylessRule>(), new List<SettingsFault>());
        for (var i = 0; i < settings.Issuers.Count; i++)
        {
            var issuer = settings.Issuers[i];
            var key = $"auth.keyless.issuers.{i}";
            CheckFiles(issuer, settings, key, found);
            if (issuer.Rules.Count == 0)
                Report(key, "has no rules here, so these settings allow its tokens nothing", Severity.Notice);
            for (var j = 0; j < issuer.Rules.Count; j++)
            {
                var ruleKey = $"{key}.rules.{j}";
                var rule = Read(
                    issuer, issuer.Rules[j], $"keyless rule {issuer.Name}.{j + 1}",
                    (part, reason) => Report($"{ruleKey}.{part}", reason, Severity.Error));
                if (rule is not null) rules.Add(rule);
            }
        }

        faults = found;
        return rules;

        void Report(string key, string message, Severity severity) =>
            found.Add(new SettingsFault(SettingsKey.VariableFor(key), null, key, message) { Severity = severity });
    }

    /// <summary>Reads a rule that is in the database, or about to be.</summary>
    /// <param name="settings">The issuers.</param>
    /// <param name="row">The rule.</param>
    /// <param name="report">Takes the name of each part that is wrong, and what is wrong with it.</param>
    /// <returns>Null if anything is wrong.</returns>
    public static KeylessRule? Read(KeylessSettings settings, KeylessRuleRow row, Action<string, string> report)
    {
        if (settings.Issuers.FirstOrDefault(issuer => issuer.Name == row.Issuer) is { } issuer)
            return Read(issuer, TextOf(row), $"keyless rule {row.Id}", report);
        report(
            "issuer", $"'{row.Issuer}' is not in the settings: auth.keyless.issuers has "
            + string.Join(", ", settings.Issuers.Select(each => each.Name)));
        return null;
    }

    /// <summary>A rule in the database as the settings would have it.</summary>
    public static KeylessRuleSettings TextOf(KeylessRuleRow row) => new()
    {
        If = row.Condition,
        Actions = row.Actions.Split(','),
        Names = row.Names.Split(' '),
        User = row.UserName,
    };

    /// <summary>What a token says of itself.</summary>
    public static IReadOnlyList<(string Name, string Value)> FactsOf(SentToken token)
    {
        var facts = new List<(string, string)> { ("alg", Shown(token.Algorithm)) };
        if (token.KeyId is { } id) facts.Add(("kid", Shown(id)));
        foreach (var name in (ReadOnlySpan<string>)["iss", "sub", "aud"])
        {
            if (token.Claims.TryGetProperty(name, out var value)) facts.Add((name, Shown(value.ToString())));
        }

        foreach (var (name, time) in ((string, DateTimeOffset?)[])
            [("iat", token.IssuedAt), ("nbf", token.NotBefore), ("exp", token.Expires)])
        {
            if (time is { } at) facts.Add((name, at.ToString("u", CultureInfo.InvariantCulture)));
        }

        return facts;
    }

    private static void CheckFiles(
        KeylessIssuerSettings issuer, KeylessSettings limits, string key, List<SettingsFault> faults)
    {
        Try(issuer.Jwks, ".jwks", path => IssuerKeys.ReadFile(path, limits.ResponseBytes));
        Try(issuer.Ca, ".ca", IssuerDocuments.ReadCa);

        void Try(string? path, string part, Func<string, object> read)
        {
            try
            {
                if (path is not null) read(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                faults.Add(new SettingsFault(path!, null, key + part, e.Message));
            }
        }
    }

    private static KeylessRule? Read(
        KeylessIssuerSettings issuer, KeylessRuleSettings text, string through, Action<string, string> report)
    {
        var rule = KeylessRule.Read(issuer.Name, text, through, report);
        if (rule is null || !IsForEveryone(issuer, rule)) return rule;
        report("if", "compares no claim that says whose token it is, such as repository_owner: anyone in the world "
            + "can get a token that matches");
        return null;
    }

    private static bool IsForEveryone(KeylessIssuerSettings issuer, KeylessRule rule) =>
        Array.Find(PublicIssuers, known => known.Url == issuer.Url.TrimEnd('/')) is { Url: not null } found
        && !rule.Condition.Claims.Intersect(found.Claims, StringComparer.Ordinal).Any();

    private static string Shown(string value) => PlainText.Of(value, MaxFactChars);
}
