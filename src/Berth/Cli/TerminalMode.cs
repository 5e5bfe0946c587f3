namespace Berth.Cli;

/// <summary>Keeps the terminal as it is.</summary>
internal static class TerminalMode
{
    /// <summary>
    /// The platform would switch the keypad to another mode before the first line, and never back, by a sequence that
    /// also ends up in recordings of the output. It knows none for a terminal without a name, and looks the terminal up
    /// once: when it is asked for the width, for example.
    /// </summary>
    public static void Keep()
    {
        var name = Environment.GetEnvironmentVariable("TERM");
        Environment.SetEnvironmentVariable("TERM", null);
        _ = Console.WindowWidth;
        Environment.SetEnvironmentVariable("TERM", name);
    }
}
