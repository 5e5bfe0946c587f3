using Spectre.Console;

namespace Berth.Cli;

/// <summary>Reads secrets, on a terminal unseen and otherwise a line each; and asks whether to go on.</summary>
internal static class StandardInput
{
    /// <summary>Asks whether to do what can't be undone.</summary>
    /// <param name="warning">What that is: a sentence.</param>
    /// <param name="option">The option with which nothing is asked.</param>
    /// <exception cref="InvalidDataException">There is nobody to ask, or the answer is no.</exception>
    public static async Task ConfirmAsync(string warning, string option, CancellationToken cancellation)
    {
        if (Console.IsInputRedirected) throw new InvalidDataException($"{warning} Nobody can be asked: give {option}");
        Console.WriteLine(warning);
        var isSure = await new ConfirmationPrompt("Go on?") { DefaultValue = false }
            .ShowAsync(AnsiConsole.Console, cancellation);
        if (!isSure) throw new InvalidDataException("nothing was changed");
    }

    /// <exception cref="InvalidDataException">There is none.</exception>
    public static Task<string> ReadPasswordAsync(string question, CancellationToken cancellation) =>
        ReadAsync(question, "password", cancellation);

    /// <param name="question">What a terminal shows.</param>
    /// <param name="kind">What is asked for, in a word.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static async Task<string> ReadAsync(string question, string kind, CancellationToken cancellation)
    {
        if (!Console.IsInputRedirected)
        {
            return await new TextPrompt<string>(question) { IsSecret = true, Mask = null }
                .ShowAsync(AnsiConsole.Console, cancellation);
        }

        return await Console.In.ReadLineAsync(cancellation) is { Length: > 0 } line
            ? line
            : throw new InvalidDataException($"there is no {kind} in the standard input");
    }
}
