using System.Diagnostics;

namespace Berth.Tests.Cli;

/// <summary>Runs one of the commands that speak the API, on the database of a registry or to its server.</summary>
/// <param name="registry">The registry.</param>
internal sealed class AccountCommand(RegistryFixture registry)
{
    /// <summary>On the database, beside the server.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) => TellAsync(input: "", arguments);

    /// <param name="input">What stands in the standard input.</param>
    /// <param name="arguments">The command.</param>
    public Task<CommandResult> TellAsync(string input, params string[] arguments) => RunAsync(
        new Dictionary<string, string>(registry.Variables)
        {
            ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
            ["REGISTRY_AUTH_LOCAL_BCRYPTCOST"] = "4",
        },
        input, arguments);

    /// <summary>To the server.</summary>
    /// <param name="user">Who signs in; null with a token.</param>
    /// <param name="secret">Their password, or the token.</param>
    /// <param name="arguments">The command.</param>
    public Task<CommandResult> AskAsync(string? user, string secret, params string[] arguments) => RunAsync(
        new Dictionary<string, string> { [user is null ? "BERTH_TOKEN" : "BERTH_PASSWORD"] = secret }, input: "",
        [.. arguments, "--server", registry.BaseAddress.ToString(), .. user is null ? (string[])[] : ["--user", user]]);

    /// <summary>With any environment.</summary>
    public static async Task<CommandResult> RunAsync(
        IReadOnlyDictionary<string, string> environment, string input, params string[] arguments)
    {
        var start = BerthProgram.Prepare(arguments);
        start.RedirectStandardInput = true;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new CommandResult(
            string.Join(' ', arguments), process.ExitCode, await output, await errors);
    }
}

/// <summary>How a command ended.</summary>
internal sealed record CommandResult(string Command, int ExitCode, string Output, string Errors)
{
    /// <summary>Fails unless the command exited so.</summary>
    public CommandResult Is(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"berth {Command} exited with {ExitCode}:\n{Output}{Errors}");
        return this;
    }

    /// <summary>The last word of what was printed: a secret that is shown once.</summary>
    public string Secret => Output.Trim().Split(' ')[^1];
}
