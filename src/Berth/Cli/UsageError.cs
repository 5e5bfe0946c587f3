using System.CommandLine;
using System.CommandLine.Parsing;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>
/// Answers a command line that can't be understood with what is wrong, in a line or two. The library would print the
/// whole help after it, and exit with 1, which <c>berth verify</c> exits with when it finds damage.
/// </summary>
internal static class UsageError
{
    public const int ExitCode = 2;

    /// <summary>Prints what is wrong. False if nothing is, or if only the command is missing.</summary>
    public static bool Report(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var errors = parsed.Errors.Select(error => error.Message).ToList();
        var isGroup = command.Subcommands.Count > 0 && command.Action is null;
        if (errors.Count == 0 || (isGroup && parsed.UnmatchedTokens.Count == 0)) return false;
        // What follows a command or an option that there is not means nothing.
        if (parsed.UnmatchedTokens.Count > 0) errors = [Explain(parsed.UnmatchedTokens[0], command)];
        var missing = command.Arguments.Where(argument =>
            argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument)?.Tokens is not { Count: > 0 });
        if (parsed.UnmatchedTokens.Count == 0 && missing.Select(argument => argument.Name).ToList() is [_, ..] names)
            errors = [$"{string.Join(" and ", names)} {(names.Count == 1 ? "is" : "are")} missing"];
        foreach (var error in errors) Console.Error.WriteLine($"berth: {error}");
        Console.Error.WriteLine($"Run `{NameOf(parsed)} --help` to see what there is.");
        return true;
    }

    private static string Explain(string token, Command command)
    {
        if (token.StartsWith('-')) return $"there is no option {token}";
        if (command.Options.Any(option => option.Name == "--" + token))
            return $"there is no command {token}; did you mean --{token}?";
        if (command.Subcommands.Count > 0) return $"there is no command {token}{NearestTo(token, command)}";
        return token.AsSpan().ContainsAny('/', '.') && command.Options.Any(option => option.Name == "--config")
            ? $"unexpected argument {token}; did you mean --config {token}?"
            : $"unexpected argument {token}";
    }

    private static string NearestTo(string token, Command command) => command.Subcommands
        .Select(inner => inner.Name)
        .FirstOrDefault(name => name.StartsWith(token, StringComparison.Ordinal) || IsTypo(token, name)) is { } near
        ? $"; did you mean {near}?"
        : "";

    private static bool IsTypo(string token, string name) => SettingsKey.Distance(token, name) <= 2;

    private static string NameOf(ParseResult parsed)
    {
        var names = new List<string>();
        for (var part = parsed.CommandResult; part is not null; part = part.Parent as CommandResult)
            names.Insert(0, part.Command.Name);
        return string.Join(' ', names);
    }
}
