using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Access;

namespace Berth.Cli;

/// <summary><c>berth access explain</c>: what somebody may do in a repository, what a token is, and why.</summary>
internal static class AccessCommand
{
    public static Command Create()
    {
        var who = ApiCommand.Argument(
            "WHO", "A user, a robot, or 'anonymous' for who does not sign in; or, without a repository, a token. '-' "
            + "reads the token from the first line of the standard input, so that no shell's history has it.");
        var repository = new Argument<string?>("REPOSITORY")
        {
            Description = "The repository, which need not exist.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var listed = ApiCommand.Argument("REPOSITORY", "The repository.");
        return ApiCommand.Group(
            "access", "Who may do what, and why.",
            ApiCommand.Create(
                "list", "List who may do what in a repository, for its owners, administrators and auditors.",
                call => call.ListAsync(
                    $"access?repository={Uri.EscapeDataString(call.Parsed.GetValue(listed)!)}",
                    ("KIND", ApiCall.Field("kind")), ("NAME", ApiCall.Field("name")),
                    ("MAY", row => string.Join(
                        ',', row.GetProperty("actions").EnumerateArray().Select(one => one.GetString()))),
                    ("THROUGH", ApiCall.Field("through"))),
                listed),
            ApiCommand.Create(
                "explain",
                "Show what somebody may do in a repository, and through which grant; or whose a token is, which rule "
                + "matched it, and for the others why not.",
                call => call.Parsed.GetValue(repository) is { } name
                    ? ExplainUserAsync(call, call.PathOf(who), Uri.EscapeDataString(name))
                    : ExplainTokenAsync(call, call.Parsed.GetValue(who)!),
                who, repository));
    }

    private static async Task ExplainUserAsync(ApiCall call, string user, string repository)
    {
        var answer = await call.Api.AskAsync(
            "GET", $"access/explain?user={user}&repository={repository}", body: null, call.Cancellation);
        if (call.IsJson)
        {
            Console.WriteLine(answer.GetRawText());
            return;
        }

        var actions = answer.GetProperty("actions").EnumerateArray().ToList();
        Table.Print(
            ["ACTION", "ALLOWED", "THROUGH"],
            [.. actions.Select(action => new[]
            {
                ApiCall.Field("action")(action), ApiCall.Field("isAllowed")(action), ApiCall.Field("through")(action),
            })]);

        // Whoever started the server with other settings would believe it to be open.
        if (call.Api.IsLocal && actions.Exists(action => ApiCall.Field("through")(action) == AccessRules.OpenToAll))
        {
            await Console.Error.WriteLineAsync(
                "So it is by the settings of this command. If the server has others, give them here too (--config, or "
                + "the same REGISTRY_… variables).");
        }
    }

    private static async Task ExplainTokenAsync(ApiCall call, string text)
    {
        var token = text == "-" ? await StandardInput.ReadAsync("Token: ", "token", call.Cancellation) : text;
        var answer = await call.Api.AskAsync(
            "POST", "access/explain", new JsonObject { ["token"] = token }, call.Cancellation);
        if (call.IsJson) Console.WriteLine(answer.GetRawText());
        else Tell(answer);
        if (!call.IsJson && AccountName.TryParse(text, out _))
            Console.WriteLine($"To ask what {text} may do, name a repository: berth access explain {text} acme/app");
    }

    private static void Tell(JsonElement answer)
    {
        var isAccepted = answer.GetProperty("isAccepted").GetBoolean();
        Console.WriteLine(isAccepted ? "It is accepted." : $"It is refused: {ApiCall.Field("reason")(answer)}.");
        Show("Kind", KindOf(answer.GetProperty("kind").GetString()!));
        Show("User", ApiCall.Field("user")(answer));
        Show("Expires", ApiCall.Time("expiresAt")(answer));
        if (answer.TryGetProperty("secret", out var secret))
        {
            Show("Name", ApiCall.Field("name")(secret));
            Show("Number", ApiCall.Field("id")(secret));
            Show("Only for", ApiCall.Field("actions")(secret));
            Show("Only in", ApiCall.Field("names")(secret));
            Show("Made", $"{ApiCall.Time("createdAt")(secret)} by {ApiCall.Field("createdBy")(secret)}");
            Show("Last used", ApiCall.Time("usedAt", "never")(secret));
        }

        Show("Allows", ApiCall.Field("scopes")(answer));
        foreach (var grant in ItemsOf(answer, "grants"))
        {
            Show("Allows", $"{ApiCall.Field("actions")(grant)} in {ApiCall.Field("names")(grant)}, by "
                + ApiCall.Field("through")(grant));
        }

        foreach (var fact in ItemsOf(answer, "facts")) Show(ApiCall.Field("name")(fact), ApiCall.Field("value")(fact));
        foreach (var issuer in ItemsOf(answer, "issuers")) TellOf(issuer);
    }

    private static void TellOf(JsonElement issuer)
    {
        var fault = ApiCall.Field("fault")(issuer);
        var name = ApiCall.Field("name")(issuer);
        Console.WriteLine(
            fault.Length == 0 ? $"It is a valid token of issuer {name}." : $"Issuer {name}: {fault}.");
        foreach (var rule in ItemsOf(issuer, "rules"))
        {
            var matches = rule.GetProperty("matches").GetBoolean();
            Console.WriteLine($"  {ApiCall.Field("name")(rule)} {(matches ? "matches" : "does not match")}:");
            Console.WriteLine($"    {ApiCall.Field("if")(rule)}");
            foreach (var reason in rule.GetProperty("reasons").EnumerateArray()) Console.WriteLine($"    {reason}");
        }
    }

    private static void Show(string heading, string text)
    {
        if (text.Length > 0) Console.WriteLine($"{heading,-9}  {text}");
    }

    private static string KindOf(string kind) => kind switch
    {
        "registry" => "access token of this registry",
        "issuer" => "token of an issuer",
        "unknown" => "",
        _ => $"{kind} token",
    };

    private static JsonElement.ArrayEnumerator ItemsOf(JsonElement json, string name) =>
        json.TryGetProperty(name, out var items) ? items.EnumerateArray() : default;
}
