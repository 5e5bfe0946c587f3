using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth robot</c>: accounts for programs.</summary>
internal static class RobotCommand
{
    private static readonly Argument<string> Name = ApiCommand.Argument("NAME", "The robot's name: robot.something.");

    public static Command Create()
    {
        var space = ApiCommand.Text("--namespace", "The robots of a namespace.");
        var repository = ApiCommand.Text("--repository", "The robots of this repository alone.");
        var overlap = ApiCommand.Text("--overlap", "How long the old secret stays good, such as 10m.");
        return ApiCommand.Group(
            "robot", "Robots: accounts for programs.",
            CreateAdd(),
            CreateChange(),
            ApiCommand.Create(
                "list", "List the registry's own robots, or those of a namespace or repository.",
                async call =>
                {
                    var (place, name) = (call.Parsed.GetValue(repository), call.Parsed.GetValue(space));
                    await call.ListAsync(
                        place is not null ? $"robots?repository={Uri.EscapeDataString(place)}"
                            : name is not null ? $"robots?namespace={Uri.EscapeDataString(name)}" : "robots",
                        ("NAME", ApiCall.Field("name")), ("NAMESPACE", ApiCall.Field("namespace")),
                        ("GRANTS", GrantsOf), ("DISABLED", ApiCall.Field("isDisabled")),
                        ("EXPIRES", ApiCall.Time("expiresAt", "never")), ("LAST USED", LastUseOf));
                    if ((place ?? name) is null && !call.IsJson)
                    {
                        await Console.Error.WriteLineAsync(
                            "These are the registry's own robots. For others, name their --namespace or --repository.");
                    }
                },
                space, repository),
            ApiCommand.Create(
                "show", "Show a robot.",
                call => call.ShowAsync(
                    $"robots/{call.PathOf(Name)}", ("Name", ApiCall.Field("name")),
                    ("Namespace", ApiCall.Field("namespace")), ("Repository", ApiCall.Field("repository")),
                    ("Description", ApiCall.Field("description")),
                    ("Grants", GrantsOf), ("May make robots", ApiCall.Field("mayMakeRobots")),
                    ("Disabled", ApiCall.Field("isDisabled")), ("Expires", ApiCall.Time("expiresAt", "never")),
                    ("Last used", LastUseOf), ("Since", ApiCall.Time("createdAt")),
                    ("Made by", ApiCall.Field("createdBy"))),
                Name),
            ApiCommand.Create(
                "rotate", "Give a robot a new secret.",
                call =>
                {
                    var seconds = ApiCall.DurationOf(call.Parsed.GetValue(overlap) ?? "0s").TotalSeconds;
                    return call.DoAsync(
                        "POST", $"robots/{call.PathOf(Name)}/rotate",
                        new JsonObject { ["overlapSeconds"] = (int)seconds }, Tell);
                },
                Name, overlap),
            ApiCommand.Create(
                "delete", "Delete a robot.",
                call => call.DoAsync(
                    "DELETE", $"robots/{call.PathOf(Name)}", null, _ => $"{call.Parsed.GetValue(Name)} was deleted."),
                Name));
    }

    private static Command CreateChange()
    {
        var description = ApiCommand.Text("--description", "What it is for.");
        var grants = CreateGrants("These alone from now on");
        var expires = ApiCommand.Text("--expires", "When it ends: a date, a duration such as 90d, or never.");
        var disabled = new Option<bool?>("--disabled")
        {
            Description = "true keeps it out, and false lets it in again.",
        };
        return ApiCommand.Create(
            "change", "Change what a robot may do, and until when. What is not given stays as it is.",
            call =>
            {
                var change = new JsonObject();
                if (call.Parsed.GetValue(description) is { } text) change["description"] = text;
                if (call.Parsed.GetValue(grants) is { Length: > 0 } given)
                    change["grants"] = new JsonArray([.. given.Select(GrantOf)]);
                if (call.Parsed.GetValue(expires) is { } end) change["expiresAt"] = ApiCall.NewExpiryOf(end);
                if (call.Parsed.GetValue(disabled) is { } isDisabled) change["isDisabled"] = isDisabled;
                if (change.Count == 0)
                {
                    throw new InvalidDataException(
                        "say what to change: --grant, --expires, --disabled or --description");
                }

                return call.DoAsync("PATCH", $"robots/{call.PathOf(Name)}", change, TellChange);
            },
            Name, description, grants, expires, disabled);
    }

    private static Option<string[]> CreateGrants(string what) => new("--grant")
    {
        Description = $"{what}: acme/**=writer or acme/app=pull,push. May be given several times.",
    };

    private static Command CreateAdd()
    {
        var space = ApiCommand.Text("--namespace", "Whose it is; without it, it is the registry's.");
        var repository = ApiCommand.Text(
            "--repository", "The repository that it is of; its name gets a generated ending.");
        var description = ApiCommand.Text("--description", "What it is for.");
        var grants = CreateGrants("What it may do where");
        var expires = ApiCommand.Text("--expires", "When it ends: a date, or a duration such as 90d.");
        var maker = ApiCommand.Switch("--may-make-robots", "It may make robots that may do no more than it does.");
        return ApiCommand.Create(
            "add", "Make a robot.",
            call => call.DoAsync(
                "POST", "robots",
                new JsonObject
                {
                    ["name"] = call.Parsed.GetValue(Name),
                    ["namespace"] = call.Parsed.GetValue(space),
                    ["repository"] = call.Parsed.GetValue(repository),
                    ["description"] = call.Parsed.GetValue(description),
                    ["grants"] = new JsonArray([.. (call.Parsed.GetValue(grants) ?? []).Select(GrantOf)]),
                    ["expiresAt"] = ApiCall.ExpiryOf(call.Parsed.GetValue(expires)),
                    ["mayMakeRobots"] = call.Parsed.GetValue(maker),
                },
                Tell),
            Name, space, repository, description, grants, expires, maker);
    }

    private static JsonNode GrantOf(string text)
    {
        if (text.Split('=') is not [var names, var what])
            throw new InvalidDataException($"'{text}' is not a grant: write acme/**=writer or acme/app=pull,push");
        var isRole = what is "reader" or "writer" or "maintainer" or "owner";
        return isRole
            ? new JsonObject { ["names"] = names, ["role"] = what }
            : new JsonObject { ["names"] = names, ["actions"] = ApiCall.ArrayOf(what) };
    }

    private static string GrantsOf(JsonElement robot) => string.Join(
        ' ', robot.GetProperty("grants").EnumerateArray().Select(grant =>
            $"{grant.GetProperty("names")}={(ApiCall.Field("role")(grant) is { Length: > 0 } role
                ? role : ApiCall.Field("actions")(grant).Replace(" ", "", StringComparison.Ordinal))}"));

    private static string TellChange(JsonElement robot) =>
        $"{robot.GetProperty("name")} has now: {(GrantsOf(robot) is { Length: > 0 } all ? all : "no grants")}. "
        + $"It ends: {ApiCall.Time("expiresAt", "never")(robot)}."
        + (robot.GetProperty("isDisabled").GetBoolean() ? " It is disabled." : "");

    private static string LastUseOf(JsonElement robot) => robot.GetProperty("secrets").EnumerateArray()
        .Select(secret => ApiCall.Time("usedAt")(secret)).DefaultIfEmpty("").Max() is { Length: > 0 } last
            ? last : "never";

    private static string Tell(JsonElement made) =>
        $"The user name is {made.GetProperty("robot").GetProperty("name")}.\n"
        + $"The secret, which is shown only this once: {made.GetProperty("secret")}";
}
