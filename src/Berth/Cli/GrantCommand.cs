using System.CommandLine;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth grant</c>: who may do what in which repositories.</summary>
internal static class GrantCommand
{
    private const string Holders = "a user, a robot (robot.ci) or a team (organization/team)";

    public static Command Create()
    {
        var holder = ApiCommand.Argument("WHO", $"To whom: {Holders}.");
        var names = ApiCommand.Argument(
            "NAMES", "In which repositories: a name, with * within a path component and ** across them.");
        var role = ApiCommand.Text("--role", "reader, writer, maintainer or owner.");
        var actions = ApiCommand.Text(
            "--actions", "In place of a role, some of pull, push, delete, manage and own, with commas between.");
        var space = ApiCommand.Text("--namespace", "Those in this namespace; '*' for those that reach into several.");
        var of = ApiCommand.Text("--of", $"Those of {Holders}.");
        var id = ApiCommand.Argument("ID", "Its number, as `berth grant list` shows it.");
        return ApiCommand.Group(
            "grant", "Who may do what in which repositories.",
            ApiCommand.Create(
                "add", "Allow somebody something, in place of what they were granted for the same names.",
                call => AddAsync(call, holder, names, role, actions),
                holder, names, role, actions),
            ApiCommand.Create(
                "list", "List the grants in a namespace (--namespace) or of somebody (--of): one of the two is needed.",
                call => call.ListAsync(
                    PathOf(call.Parsed.GetValue(space), call.Parsed.GetValue(of)), ("ID", ApiCall.Field("id")),
                    ("WHO", json => ApiCall.Field("user")(json) + ApiCall.Field("robot")(json)
                        + ApiCall.Field("team")(json)),
                    ("NAMES", ApiCall.Field("names")), ("ROLE", ApiCall.Field("role")),
                    ("ACTIONS", ApiCall.Field("actions")), ("SINCE", ApiCall.Time("createdAt")),
                    ("BY", ApiCall.Field("createdBy"))),
                space, of),
            ApiCommand.Create(
                "remove", "Take a grant back.",
                call => call.DoAsync(
                    "DELETE", $"grants/{call.PathOf(id)}", null, _ => $"Grant {call.Parsed.GetValue(id)} is gone."),
                id));
    }

    private static Task AddAsync(
        ApiCall call, Argument<string> holder, Argument<string> names, Option<string?> role, Option<string?> actions)
    {
        var (who, given) = (call.Parsed.GetValue(holder)!, call.Parsed.GetValue(role));
        if (given is null == call.Parsed.GetValue(actions) is null)
            throw new InvalidDataException("give either --role or --actions");
        return call.DoAsync(
            "POST", "grants",
            new JsonObject
            {
                [KindOf(who)] = who,
                ["names"] = call.Parsed.GetValue(names),
                ["role"] = given,
                ["actions"] = ApiCall.ArrayOf(call.Parsed.GetValue(actions)),
            },
            made => $"{who} may {ApiCall.Field("actions")(made)} in {made.GetProperty("names")} now (grant "
                + $"{made.GetProperty("id")}).");
    }

    /// <summary>Only teams have a slash, and only robots begin so.</summary>
    private static string KindOf(string holder) => holder switch
    {
        _ when holder.Contains('/') => "team",
        _ when holder.StartsWith("robot.", StringComparison.OrdinalIgnoreCase) => "robot",
        _ => "user",
    };

    private static string PathOf(string? space, string? holder) => (space, holder) switch
    {
        (not null, null) => $"grants?namespace={Uri.EscapeDataString(space)}",
        (null, not null) => $"grants?{KindOf(holder)}={Uri.EscapeDataString(holder)}",
        _ => throw new InvalidDataException("give either --namespace or --of"),
    };
}
