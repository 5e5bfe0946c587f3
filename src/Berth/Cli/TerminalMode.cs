namespace Berth.Cli;

/// <summary>Keeps the terminal as it is.</summary>
internal static class TerminalMode
{
    /// <summary>
    /// The platform would switch the keypad to another mode before the first line, and never back, by a sequence that
    /// also ends up in recordings of the output. It does not know one for a terminal without a name.
    /// </summary>
    public static void Keep()
    {
        var name = Environment.GetEnvironmentVariable("TERM");
        Environment.SetEnvironmentVariable("TERM", null);
        _ = Console.Out;
        Environment.SetEnvironmentVariable("TERM", name);
    }
}
