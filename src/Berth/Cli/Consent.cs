using System.CommandLine;

namespace Berth.Cli;

/// <summary><c>--dry-run</c> and <c>--yes</c> of a command that takes something away: it tells, or asks.</summary>
internal sealed class Consent
{
    public Option<bool> DryRun { get; } = ApiCommand.Switch("--dry-run", "Only tell what would be done.");

    public Option<bool> Yes { get; } = ApiCommand.Switch("--yes", "Don't ask.");

    /// <summary>Whether to go on. A dry run is told what would be done, and ends with that.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="verb">What is done: remove.</param>
    /// <param name="what">To what: the end of a sentence, and more sentences.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">There is nobody to ask, or the answer is no.</exception>
    public async Task<bool> AskAsync(ParseResult parsed, string verb, string what, CancellationToken cancellation)
    {
        if (parsed.GetValue(DryRun))
        {
            Console.WriteLine($"This would {verb} {what}");
            return false;
        }

        if (!parsed.GetValue(Yes)) await StandardInput.ConfirmAsync($"This {verb}s {what}", "--yes", cancellation);
        return true;
    }
}
