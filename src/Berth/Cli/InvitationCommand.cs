using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth invitation</c>: links with which others make accounts for themselves.</summary>
internal static class InvitationCommand
{
    public static Command Create()
    {
        var name = ApiCommand.Text("--name", "The account's name. Without it, whoever has the link chooses.");
        var email = ApiCommand.Text("--email", "The e-mail address that the account gets.");
        var organization = ApiCommand.Text("--organization", "The organization of which they become a member.");
        var role = ApiCommand.Text("--role", "In it: member (the default), reader, writer, maintainer or owner.");
        var expires = ApiCommand.Text("--expires", "When the link ends: a date, or a duration such as 7d.");
        var id = ApiCommand.Argument("ID", "Its number, as `berth invitation list` shows it.");
        return ApiCommand.Group(
            "invitation", "Links with which others make accounts for themselves.",
            ApiCommand.Create(
                "add", "Make a link, which is good for one account.",
                call => call.DoAsync(
                    "POST", "invitations",
                    new JsonObject
                    {
                        ["name"] = call.Parsed.GetValue(name),
                        ["email"] = call.Parsed.GetValue(email),
                        ["organization"] = call.Parsed.GetValue(organization),
                        ["role"] = call.Parsed.GetValue(role),
                        ["expiresAt"] = ApiCall.ExpiryOf(call.Parsed.GetValue(expires)),
                    },
                    Tell),
                name, email, organization, role, expires),
            ApiCommand.Create(
                "list", "List the invitations that nobody has used yet.",
                call => call.ListAsync(
                    "invitations", ("ID", ApiCall.Field("id")), ("NAME", ApiCall.Field("name")),
                    ("E-MAIL", ApiCall.Field("email")), ("ORGANIZATION", ApiCall.Field("organization")),
                    ("ROLE", ApiCall.Field("role")), ("BY", ApiCall.Field("createdBy")),
                    ("GOOD UNTIL", ApiCall.Time("expiresAt")))),
            ApiCommand.Create(
                "remove", "Withdraw an invitation.",
                call => call.DoAsync(
                    "DELETE", $"invitations/{call.PathOf(id)}", null,
                    _ => $"Invitation {call.Parsed.GetValue(id)} is withdrawn."),
                id));
    }

    /// <summary>Without a server, only the settings can tell where the registry is.</summary>
    private static string Tell(JsonElement made)
    {
        var url = made.GetProperty("url").GetString()!;
        var until = ApiCall.Time("expiresAt")(made.GetProperty("invitation"));
        var hint = "";
        if (new Uri(url) is { IsLoopback: true } local)
        {
            // Without a server there is no port either.
            if (local.Port == 0) url = "https://REGISTRY" + local.AbsolutePath;
            hint = $"\nPut the registry's address in place of {new Uri(url).Authority.ToUpperInvariant()}, or set "
                + "http.host.";
        }

        return $"Whoever opens this link first may make an account, until {until}:\n{url}{hint}";
    }
}
