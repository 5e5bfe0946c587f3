using System.CommandLine;

namespace Berth.Cli;

/// <summary><c>berth stars</c>: repositories to find again.</summary>
internal static class StarsCommand
{
    public static Command Create()
    {
        var name = ApiCommand.Argument("NAME", "The repository's name.");
        var stars = CreateList("stars", "Repositories that you want to find again.");
        stars.Add(CreateList("list", "List the repositories that you have starred and may pull from."));
        stars.Add(ApiCommand.Create(
            "add", "Star a repository.",
            call => call.DoAsync(
                "PUT", $"stars/{call.Parsed.GetValue(name)}", null, _ => $"Starred {call.Parsed.GetValue(name)}."),
            name));
        stars.Add(ApiCommand.Create(
            "remove", "Take a star back.",
            call => call.DoAsync(
                "DELETE", $"stars/{call.Parsed.GetValue(name)}", null,
                _ => $"{call.Parsed.GetValue(name)} is not starred any more."),
            name));
        return stars;
    }

    /// <summary>Without another word, they are listed.</summary>
    private static Command CreateList(string name, string description) => ApiCommand.Create(
        name, description,
        call => call.ListAsync(
            "stars", ("NAME", ApiCall.Field("repository")), ("STARS", ApiCall.Field("stars")),
            ("SINCE", ApiCall.Time("starredAt")), ("DESCRIPTION", ApiCall.Field("description"))));
}
