using System.CommandLine;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth org</c>: organizations and their members.</summary>
internal static class OrganizationCommand
{
    private static readonly Argument<string> Name = ApiCommand.Argument("ORGANIZATION", "The organization's name.");

    public static Command Create()
    {
        var owner = ApiCommand.Text("--owner", "The user who is to be its first owner.");
        var fullName = ApiCommand.Text("--full-name", "Its display name.");
        var isPublic = ApiCommand.Switch("--public", "Repositories that are pushed to it from now on are public.");
        return ApiCommand.Group(
            "org", "Organizations: namespaces that several users share.",
            ApiCommand.Create(
                "add", "Make an organization.",
                call => call.DoAsync(
                    "POST", "organizations",
                    new JsonObject
                    {
                        ["name"] = call.Parsed.GetValue(Name),
                        ["owner"] = call.Parsed.GetValue(owner),
                        ["fullName"] = call.Parsed.GetValue(fullName),
                        ["makesPublic"] = call.Parsed.GetValue(isPublic),
                    },
                    made => $"The organization {made.GetProperty("name")} was made."),
                Name, owner, fullName, isPublic),
            ApiCommand.Create("list", "List organizations.", call => call.ListAsync(
                "organizations", ("NAME", ApiCall.Field("name")), ("FULL NAME", ApiCall.Field("fullName")),
                ("MAKES PUBLIC", ApiCall.Field("makesPublic")), ("SINCE", ApiCall.Time("createdAt")))),
            ApiCommand.Create(
                "show", "Show an organization.",
                call => call.ShowAsync(
                    $"organizations/{call.PathOf(Name)}", ("Name", ApiCall.Field("name")),
                    ("Full name", ApiCall.Field("fullName")), ("Makes public", ApiCall.Field("makesPublic")),
                    ("Since", ApiCall.Time("createdAt")), ("Made by", ApiCall.Field("createdBy"))),
                Name),
            ApiCommand.CreateVisibility("organizations", Name),
            ApiCommand.Create(
                "delete", "Delete an organization that has no repositories, with its teams and robots.",
                call => call.DoAsync(
                    "DELETE", $"organizations/{call.PathOf(Name)}", null,
                    _ => $"{call.Parsed.GetValue(Name)} was deleted."),
                Name),
            CreateMember());
    }

    private static Command CreateMember()
    {
        var user = ApiCommand.Argument("USER", "The user.");
        var role = new Option<string>("--role")
        {
            Description = "member, reader, writer, maintainer or owner.",
            DefaultValueFactory = _ => "member",
        };
        return ApiCommand.Group(
            "member", "Members of an organization.",
            ApiCommand.Create(
                "add", "Add a member, or change their role.",
                async call =>
                {
                    await call.DoAsync(
                        "PUT", $"organizations/{call.PathOf(Name)}/members/{call.PathOf(user)}",
                        new JsonObject { ["role"] = call.Parsed.GetValue(role) },
                        made => $"{made.GetProperty("name")} is now {made.GetProperty("role")} of "
                            + $"{call.Parsed.GetValue(Name)}.");
                    if (call.Parsed.GetValue(role) != "owner") await WarnIfOwnerlessAsync(call);
                },
                Name, user, role),
            ApiCommand.Create(
                "list", "List the members of an organization.",
                call => call.ListAsync(
                    $"organizations/{call.PathOf(Name)}/members", ("NAME", ApiCall.Field("name")),
                    ("ROLE", ApiCall.Field("role")), ("SINCE", ApiCall.Time("addedAt")),
                    ("ADDED BY", ApiCall.Field("addedBy"))),
                Name),
            ApiCommand.Create(
                "remove", "Remove a member, also from the organization's teams.",
                async call =>
                {
                    await call.DoAsync(
                        "DELETE", $"organizations/{call.PathOf(Name)}/members/{call.PathOf(user)}", null,
                        _ => $"{call.Parsed.GetValue(user)} is not a member of {call.Parsed.GetValue(Name)} any more.");
                    await WarnIfOwnerlessAsync(call);
                },
                Name, user));
    }

    /// <summary>Administrators may take away the last owner, and may not have meant to.</summary>
    private static async Task WarnIfOwnerlessAsync(ApiCall call)
    {
        try
        {
            var members = await call.Api.ListAsync($"organizations/{call.PathOf(Name)}/members", call.Cancellation);
            if (members.Exists(member => ApiCall.Field("role")(member) == "owner")) return;
        }
        catch (ApiRefusalException)
        {
            // Who left may no longer see who is there.
            return;
        }

        await Console.Error.WriteLineAsync(
            $"{call.Parsed.GetValue(Name)} has no owner now: only administrators can manage it. To make one: "
            + $"berth org member add {call.Parsed.GetValue(Name)} USER --role owner");
    }
}
