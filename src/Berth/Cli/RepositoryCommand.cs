using System.CommandLine;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth repo</c>: repositories, and who sees them.</summary>
internal static class RepositoryCommand
{
    public static Command Create()
    {
        var space = ApiCommand.Text("--namespace", "Only those in a namespace.");
        var name = ApiCommand.Argument("NAME", "The repository's name.");
        var visibility = ApiCommand.Visibility("everyone may pull from it");
        return ApiCommand.Group(
            "repo", "Repositories, and who sees them.",
            ApiCommand.Create(
                "list", "List repositories.",
                call => call.ListAsync(
                    call.Parsed.GetValue(space) is { } given
                        ? $"repositories?namespace={Uri.EscapeDataString(given)}" : "repositories",
                    ("NAME", ApiCall.Field("name")), ("PUBLIC", ApiCall.Field("isPublic")),
                    ("SINCE", ApiCall.Time("createdAt"))),
                space),
            ApiCommand.Create(
                "visibility", "Let everyone pull from a repository, or only those who may.",
                call => call.DoAsync(
                    "PATCH", $"repositories/{call.Parsed.GetValue(name)}",
                    new JsonObject { ["isPublic"] = call.Parsed.GetValue(visibility) == "public" },
                    _ => $"{call.Parsed.GetValue(name)} is {call.Parsed.GetValue(visibility)} now."),
                name, visibility));
    }
}
