using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth keyless</c>: what tokens of GitHub, GitLab, Kubernetes and other issuers may do.</summary>
internal static class KeylessCommand
{
    private static readonly Argument<string> Id =
        ApiCommand.Argument("ID", "The rule's number, as `berth keyless list` shows it.");

    public static Command Create() => ApiCommand.Group(
        "keyless", "Rules on the tokens of issuers (auth.keyless) that are accepted in place of passwords.",
        CreateAdd(),
        ApiCommand.Create(
            "list", "List rules, those of the settings too.",
            call => call.ListAsync(
                "keyless-rules", ("ID", ApiCall.Field("id")), ("ISSUER", ApiCall.Field("issuer")),
                ("IF", ConditionOf), ("ACTIONS", ApiCall.Field("actions")), ("NAMES", ApiCall.Field("names")),
                ("FROM", ApiCall.Field("source")), ("FAULT", ApiCall.Field("fault")))),
        ApiCommand.Create(
            "show", "Show a rule.",
            call => call.ShowAsync(
                $"keyless-rules/{call.PathOf(Id)}", ("Rule", ApiCall.Field("id")), ("Issuer", ApiCall.Field("issuer")),
                ("If", ConditionOf), ("Actions", ApiCall.Field("actions")), ("Names", ApiCall.Field("names")),
                ("User", ApiCall.Field("user")), ("From", ApiCall.Field("source")), ("Fault", ApiCall.Field("fault")),
                ("Since", ApiCall.Time("createdAt")), ("Made by", ApiCall.Field("createdBy"))),
            Id),
        ApiCommand.Create(
            "remove", "Remove a rule. Tokens that only it matches are refused from then on.",
            call => call.DoAsync(
                "DELETE", $"keyless-rules/{call.PathOf(Id)}", null, _ => $"Rule {call.Parsed.GetValue(Id)} is gone."),
            Id));

    private static Command CreateAdd()
    {
        var issuer = ApiCommand.Argument("ISSUER", "The issuer's name in the settings (auth.keyless.issuers).");
        var condition = Required("--if", "The condition on the token's claims: 'repository == \"acme/*\"'.");
        var actions = Required("--actions", "Some of pull, push, delete, manage and own, with commas between.");
        var names = Required("--names", "In which repositories: patterns with commas between, such as acme/**.");
        var user = ApiCommand.Text("--user-name", "The name in logs, with claims in braces: '{repository}'.");
        return ApiCommand.Create(
            "add", "Allow tokens of an issuer something.",
            call => call.DoAsync(
                "POST", "keyless-rules",
                new JsonObject
                {
                    ["issuer"] = call.Parsed.GetValue(issuer),
                    ["if"] = call.Parsed.GetValue(condition),
                    ["actions"] = ApiCall.ArrayOf(call.Parsed.GetValue(actions)),
                    ["names"] = ApiCall.ArrayOf(call.Parsed.GetValue(names)),
                    ["user"] = call.Parsed.GetValue(user),
                },
                made => $"Tokens of {made.GetProperty("issuer")} that match may {ApiCall.Field("actions")(made)} in "
                    + $"{ApiCall.Field("names")(made)} now (rule {made.GetProperty("id")})."),
            issuer, condition, actions, names, user);
    }

    private static Option<string> Required(string name, string description) =>
        new(name) { Description = description, Required = true };

    /// <summary>In the settings, a condition may have several lines.</summary>
    private static string ConditionOf(JsonElement rule) =>
        string.Join(' ', ApiCall.Field("if")(rule).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
