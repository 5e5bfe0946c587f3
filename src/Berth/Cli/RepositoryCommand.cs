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
                name, visibility),
            CreateDelete(name));
    }

    private static Command CreateDelete(Argument<string> name)
    {
        var consent = new Consent();
        return ApiCommand.Create(
            "delete", "Put a repository with all that is in it into the trash.",
            async call =>
            {
                var repository = call.Parsed.GetValue(name)!;
                var path = $"repositories/{repository}";
                await call.Api.AskAsync("GET", path, null, call.Cancellation);
                var tags = 0L;
                await foreach (var tag in call.Api.EachAsync(
                    $"tags?n=1000&repository={Uri.EscapeDataString(repository)}", call.Cancellation))
                {
                    TagCommand.RefuseImmutable(tag);
                    tags++;
                }

                var what = $"{repository} with {VerifyCommand.Count(tags, "tag")}";
                if (!await consent.AskAsync(call.Parsed, "delete", $"{what}.", call.Cancellation)) return;
                await call.DoAsync(
                    "DELETE", path, null,
                    _ => $"Deleted {what}. `berth trash list --repository {repository}` tells how to get it back.");
            },
            name, consent.DryRun, consent.Yes);
    }
}
