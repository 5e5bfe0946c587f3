using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth token</c>: tokens that are used in place of a user's password.</summary>
internal static class TokenCommand
{
    private static readonly Argument<string> User = ApiCommand.Argument("USER", "Whose: oneself, or somebody else.");

    public static Command Create()
    {
        var name = ApiCommand.Argument("NAME", "What it is for.");
        var actions = ApiCommand.Text("--actions", "What it allows at most, such as pull or pull,push.");
        var names = ApiCommand.Text("--names", "Patterns of the repositories that it is good for: a/b,c/**.");
        var expires = ApiCommand.Text("--expires", "When it ends: a date, or a duration such as 90d.");
        var overlap = ApiCommand.Text("--overlap", "How long the old one is still good, such as 1h; 0s without it.");
        var id = ApiCommand.Argument("ID", "Its number, as `berth token list` shows it.");
        return ApiCommand.Group(
            "token", "Personal tokens, which are used in place of a password.",
            ApiCommand.Create(
                "add", "Make a token.",
                async call => await call.DoAsync(
                    "POST", await PathOfAsync(call),
                    new JsonObject
                    {
                        ["name"] = call.Parsed.GetValue(name),
                        ["actions"] = ApiCall.ArrayOf(call.Parsed.GetValue(actions)),
                        ["names"] = ApiCall.ArrayOf(call.Parsed.GetValue(names)),
                        ["expiresAt"] = ApiCall.ExpiryOf(call.Parsed.GetValue(expires)),
                    },
                    Tell),
                User, name, actions, names, expires),
            ApiCommand.Create(
                "rotate", "Replace a token by a new one that may do the same.",
                async call => await call.DoAsync(
                    "POST", $"{await PathOfAsync(call)}/{call.PathOf(id)}/rotate",
                    new JsonObject
                    {
                        ["overlapSeconds"] =
                            (int)ApiCall.DurationOf(call.Parsed.GetValue(overlap) ?? "0s").TotalSeconds,
                    },
                    Tell),
                User, id, overlap),
            ApiCommand.Create(
                "list", "List a user's tokens.",
                async call => await call.ListAsync(
                    await PathOfAsync(call), ("ID", ApiCall.Field("id")), ("NAME", ApiCall.Field("name")),
                    ("SECRET", json => "…" + ApiCall.Field("hint")(json)), ("ACTIONS", ApiCall.Field("actions")),
                    ("NAMES", ApiCall.Field("names")), ("EXPIRES", ApiCall.Time("expiresAt", "never")),
                    ("LAST USED", ApiCall.Time("usedAt", "never"))),
                User),
            ApiCommand.Create(
                "revoke", "Revoke a token.",
                async call => await call.DoAsync(
                    "DELETE", $"{await PathOfAsync(call)}/{call.PathOf(id)}", null,
                    _ => $"Token {call.Parsed.GetValue(id)} is revoked."),
                User, id));
    }

    private static string Tell(JsonElement made) => $"Token {made.GetProperty("token").GetProperty("id")} was made.\n"
        + $"The secret, which is shown only this once: {made.GetProperty("secret")}";

    /// <summary>Users do this for themselves, and administrators for everyone.</summary>
    private static async Task<string> PathOfAsync(ApiCall call)
    {
        if (!call.Api.IsLocal)
        {
            var me = await call.Api.AskAsync("GET", "me", body: null, call.Cancellation);
            var isOwn = string.Equals(
                me.GetProperty("name").GetString(), call.Parsed.GetValue(User), StringComparison.OrdinalIgnoreCase);
            if (isOwn) return "me/tokens";
        }

        return $"users/{call.PathOf(User)}/tokens";
    }
}
