using System.Diagnostics;

namespace Berth.Tests.Cli;

/// <summary>Runs a command on a terminal, where it asks questions and draws bars.</summary>
internal static class TerminalRun
{
    /// <param name="environment">What the command has besides this process's environment.</param>
    /// <param name="typed">What is typed: it waits there until the command asks.</param>
    /// <param name="arguments">The command.</param>
    public static async Task<CommandResult> RunAsync(
        IReadOnlyDictionary<string, string> environment, string typed, params string[] arguments)
    {
        var command = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path).Concat(arguments).Select(Quoted));
        var start = new ProcessStartInfo(
            "script", ["--quiet", "--return", "--command", $"stty cols 160 rows 40; exec {command}", "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TERM"] = "xterm";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(typed);
        await process.StandardInput.FlushAsync();

        // Its input stays open: its end would end the terminal.
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new CommandResult(string.Join(' ', arguments), process.ExitCode, await output, await errors);
    }

    private static string Quoted(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
