using Spectre.Console;

namespace Berth.Cli;

/// <summary>Reads passwords: on a terminal unseen, and otherwise a line each.</summary>
internal static class StandardInput
{
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static async Task<string> ReadPasswordAsync(string question, CancellationToken cancellation)
    {
        if (!Console.IsInputRedirected)
        {
            return await new TextPrompt<string>(question) { IsSecret = true, Mask = null }
                .ShowAsync(AnsiConsole.Console, cancellation);
        }

        return await Console.In.ReadLineAsync(cancellation) is { Length: > 0 } line
            ? line
            : throw new InvalidDataException("there is no password in the standard input");
    }
}
