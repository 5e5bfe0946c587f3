using System.Text.Json;
using Berth.Access;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>What tokens of an issuer with certain claims may do.</summary>
internal sealed class KeylessRule
{
    private readonly ClaimTemplate? user;

    private KeylessRule(
        string issuer, ClaimCondition condition, IReadOnlyList<Grant> grants, ClaimTemplate? user, string through)
    {
        (Issuer, Condition, Grants, this.user, Through) = (issuer, condition, grants, user, through);
    }

    /// <summary>The name of the issuer whose tokens it is for.</summary>
    public string Issuer { get; }

    public ClaimCondition Condition { get; }

    /// <summary>What it allows.</summary>
    public IReadOnlyList<Grant> Grants { get; }

    /// <summary>What the rule is called, for people.</summary>
    public string Through { get; }

    /// <summary>Reads a rule, of the settings or from anywhere else.</summary>
    /// <param name="issuer">The name of the issuer.</param>
    /// <param name="text">The rule as it was written.</param>
    /// <param name="through">What it is called.</param>
    /// <param name="report">Takes the name of each part that is wrong, and what is wrong with it.</param>
    /// <returns>Null if anything is wrong.</returns>
    public static KeylessRule? Read(
        string issuer, KeylessRuleSettings text, string through, Action<string, string> report)
    {
        var isRight = true;
        if (!ClaimCondition.TryParse(text.If, out var condition, out var fault)) Report("if", fault);
        ClaimTemplate? user = null;
        if (text.User is { } name && !ClaimTemplate.TryParse(name, out user, out fault)) Report("user", fault);

        var actions = Roles.TryRead(text.Actions) ?? AccessAction.SignIn;
        if (actions == AccessAction.SignIn) Report("actions", "must be some of pull, push, delete, manage and own");
        var grants = new List<Grant>();
        foreach (var pattern in text.Names)
        {
            if (NamePattern.TryParse(pattern, out var names)) grants.Add(new Grant(names, actions, through));
            else Report("names", $"'{pattern}' is no pattern of repository names, such as acme/**");
        }

        if (text.Names.Count == 0) Report("names", "must be patterns of repository names, such as acme/**");
        return isRight ? new KeylessRule(issuer, condition!, grants, user, through) : null;

        void Report(string part, string reason)
        {
            isRight = false;
            report(part, reason);
        }
    }

    /// <summary>The name that the rule gives the bearer of a token; null if it has none for these claims.</summary>
    public string? NameFor(JsonElement claims) => user?.Fill(claims);
}
