using System.CommandLine;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth team</c>: teams of organizations, and who is in them.</summary>
internal static class TeamCommand
{
    private static readonly Argument<string> Team = ApiCommand.Argument("TEAM", "The team, as organization/team.");

    public static Command Create()
    {
        var organization = ApiCommand.Argument("ORGANIZATION", "The organization.");
        var description = new Option<string>("--description")
        {
            Description = "What it is for.",
            DefaultValueFactory = _ => "",
        };
        return ApiCommand.Group(
            "team", "Teams: members of an organization who share grants.",
            ApiCommand.Create(
                "add", "Make a team.",
                call => call.DoAsync(
                    "POST", $"organizations/{PartsOf(call).Organization}/teams",
                    new JsonObject
                    {
                        ["name"] = Uri.UnescapeDataString(PartsOf(call).Team),
                        ["description"] = call.Parsed.GetValue(description),
                    },
                    made => $"The team {call.Parsed.GetValue(Team)} was made."),
                Team, description),
            ApiCommand.Create(
                "list", "List the teams of an organization.",
                call => call.ListAsync(
                    $"organizations/{call.PathOf(organization)}/teams", ("NAME", ApiCall.Field("name")),
                    ("DESCRIPTION", ApiCall.Field("description")), ("SINCE", ApiCall.Time("createdAt"))),
                organization),
            ApiCommand.Create(
                "delete", "Delete a team with its grants.",
                call => call.DoAsync(
                    "DELETE", PathOf(call), null, _ => $"{call.Parsed.GetValue(Team)} was deleted."),
                Team),
            CreateMember(), CreateGroup());
    }

    private static Command CreateMember()
    {
        var user = ApiCommand.Argument("USER", "The user, who must be a member of the organization.");
        return ApiCommand.Group(
            "member", "Members of a team.",
            ApiCommand.Create(
                "add", "Add a member.",
                call => call.DoAsync(
                    "PUT", $"{PathOf(call)}/members/{call.PathOf(user)}", null,
                    _ => $"{call.Parsed.GetValue(user)} is in {call.Parsed.GetValue(Team)} now."),
                Team, user),
            ApiCommand.Create(
                "list", "List the members of a team.",
                call => call.ListAsync(PathOf(call) + "/members", ("NAME", ApiCall.Field("name"))), Team),
            ApiCommand.Create(
                "remove", "Remove a member.",
                call => call.DoAsync(
                    "DELETE", $"{PathOf(call)}/members/{call.PathOf(user)}", null,
                    _ => $"{call.Parsed.GetValue(user)} is not in {call.Parsed.GetValue(Team)} any more."),
                Team, user));
    }

    private static Command CreateGroup()
    {
        var source = ApiCommand.Argument(
            "SOURCE", "Where it is: ldap, or oidc:NAME for the system NAME of the settings.");
        var group = ApiCommand.Argument("GROUP", "The group's name there.");
        return ApiCommand.Group(
            "group", "Groups of other directories, whose members are in a team.",
            ApiCommand.Create(
                "add", "Add a group: its members are in the team.",
                call => call.DoAsync(
                    "POST", PathOf(call) + "/groups",
                    new JsonObject
                    {
                        ["source"] = call.Parsed.GetValue(source),
                        ["name"] = call.Parsed.GetValue(group),
                    },
                    _ => $"Members of {call.Parsed.GetValue(group)} are in {call.Parsed.GetValue(Team)} now."),
                Team, source, group),
            ApiCommand.Create(
                "list", "List the groups of a team.",
                call => call.ListAsync(
                    PathOf(call) + "/groups", ("SOURCE", ApiCall.Field("source")), ("NAME", ApiCall.Field("name"))),
                Team),
            ApiCommand.Create(
                "remove", "Remove a group, and with it its members.",
                call => call.DoAsync(
                    "DELETE", $"{PathOf(call)}/groups/{call.PathOf(source)}/{call.PathOf(group)}", null,
                    _ => $"Members of {call.Parsed.GetValue(group)} are not in {call.Parsed.GetValue(Team)} any more."),
                Team, source, group));
    }

    private static string PathOf(ApiCall call) =>
        $"organizations/{PartsOf(call).Organization}/teams/{PartsOf(call).Team}";

    private static (string Organization, string Team) PartsOf(ApiCall call) =>
        call.Parsed.GetValue(Team)!.Split('/') is [var organization, var team]
            ? (Uri.EscapeDataString(organization), Uri.EscapeDataString(team))
            : throw new InvalidDataException("write the team as organization/team");
}
