using System.Diagnostics;

namespace Berth.Tests;

/// <summary>
/// The program that tests run as a process: the published one that <c>BERTH_TEST_PROGRAM</c> names, which is what users
/// run, else the one that was built with the tests.
/// </summary>
internal static class BerthProgram
{
    /// <summary>An executable, or a <c>.dll</c> for <c>dotnet</c>.</summary>
    public static string Path { get; } =
        Environment.GetEnvironmentVariable("BERTH_TEST_PROGRAM") is { Length: > 0 } named
        ? System.IO.Path.GetFullPath(named)
        : System.IO.Path.Combine(AppContext.BaseDirectory, "berth.dll");

    /// <summary>The command line that runs a program.</summary>
    public static IReadOnlyList<string> CommandOf(string program) =>
        program.EndsWith(".dll", StringComparison.Ordinal) ? ["dotnet", program] : [program];

    /// <summary>A subcommand with its output redirected, ready to be started.</summary>
    public static ProcessStartInfo Prepare(params IEnumerable<string> arguments)
    {
        var command = CommandOf(Path);
        return new ProcessStartInfo(command[0], [.. command.Skip(1), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
