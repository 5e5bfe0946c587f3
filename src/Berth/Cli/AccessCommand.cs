using System.CommandLine;

namespace Berth.Cli;

/// <summary><c>berth access explain</c>: what somebody may do in a repository, and why.</summary>
internal static class AccessCommand
{
    public static Command Create()
    {
        var user = ApiCommand.Argument("USER", "A user or a robot.");
        var repository = ApiCommand.Argument("REPOSITORY", "The repository, which need not exist.");
        return ApiCommand.Group(
            "access", "Who may do what, and why.",
            ApiCommand.Create(
                "explain", "Show what somebody may do in a repository, and through which grant.",
                async call =>
                {
                    var answer = await call.Api.AskAsync(
                        "GET", $"access/explain?user={call.PathOf(user)}&repository={call.PathOf(repository)}",
                        body: null, call.Cancellation);
                    if (call.IsJson)
                    {
                        Console.WriteLine(answer.GetRawText());
                        return;
                    }

                    ApiCall.Print(
                        ["ACTION", "ALLOWED", "THROUGH"],
                        [.. answer.GetProperty("actions").EnumerateArray().Select(action => new[]
                        {
                            ApiCall.Field("action")(action), ApiCall.Field("isAllowed")(action),
                            ApiCall.Field("through")(action),
                        })]);
                },
                user, repository));
    }
}
