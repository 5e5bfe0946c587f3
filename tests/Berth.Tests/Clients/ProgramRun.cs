using System.Diagnostics;
using System.Text;

namespace Berth.Tests.Clients;

/// <summary>A program's output and exit code.</summary>
/// <param name="CommandLine">What was run, for messages.</param>
/// <param name="ExitCode">The program's exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
public sealed record ProgramRun(string CommandLine, int ExitCode, string Output, string Error)
{
    /// <summary>Runs a program to its end, and kills it with its children when it takes too long.</summary>
    /// <exception cref="TimeoutException">It was still running after <paramref name="limit"/>.</exception>
    public static async Task<ProgramRun> StartAsync(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        string folder,
        TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        process.StandardInput.Close();
        var output = CollectAsync(process.StandardOutput);
        var error = CollectAsync(process.StandardError);
        var commandLine = $"{program} {string.Join(' ', start.ArgumentList)}";
        using var deadline = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{commandLine}\nwas still running after {limit}.\n{await error}{await output}");
        }

        return new ProgramRun(commandLine, process.ExitCode, await output, await error);
    }

    /// <summary>The standard output of a run that must have succeeded.</summary>
    /// <exception cref="InvalidOperationException">It failed. Holds all that the program said.</exception>
    public string OutputOfSuccess() => ExitCode == 0
        ? Output
        : throw new InvalidOperationException($"{CommandLine}\nended with code {ExitCode}.\n{Error}{Output}");

    private static async Task<string> CollectAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync() is { } line)
        {
            text.AppendLine(line);
        }

        return text.ToString();
    }
}
