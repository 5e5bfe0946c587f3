using System.Diagnostics;
using Spectre.Console;

namespace Berth.Cli;

/// <summary>Shows the progress of long work: a bar on a terminal, and otherwise a line now and then.</summary>
internal static class WorkDisplay
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    /// <summary>Shows progress until the work ends. The caller checks how it ended.</summary>
    /// <param name="work">The work.</param>
    /// <param name="title">The bar's initial title.</param>
    /// <param name="unit">Further columns, in the unit of the work.</param>
    /// <param name="draw">Updates the bar.</param>
    /// <param name="line">The line printed instead of a bar.</param>
    /// <param name="tell">Prints what was found since its last call, with colours on a terminal.</param>
    public static Task ShowAsync(
        Task work, string title, ProgressColumn[] unit, Action<ProgressTask> draw, Func<string> line,
        Action<bool>? tell = null) => AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected
            ? DrawAsync(work, title, unit, draw, tell)
            : PrintAsync(work, line, tell, Console.Out);

    /// <summary>Leaves the output to what follows, which a program reads: lines go to the errors.</summary>
    /// <param name="work">The work.</param>
    /// <param name="line">The line printed now and then.</param>
    public static Task ShowAsideAsync(Task work, Func<string> line) =>
        PrintAsync(work, line, tell: null, Console.Error);

    private static Task DrawAsync(
        Task work, string title, ProgressColumn[] unit, Action<ProgressTask> draw, Action<bool>? tell) =>
        AnsiConsole.Progress()
            .Columns(
            [
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), .. unit,
                new RemainingTimeColumn(),
            ])
            .StartAsync(async context =>
            {
                var bar = context.AddTask(title);
                while (!work.IsCompleted)
                {
                    draw(bar);
                    tell?.Invoke(true);
                    await Task.WhenAny(work, Task.Delay(BetweenLooks));
                }

                draw(bar);
                if (work.IsCompletedSuccessfully) bar.Value = bar.MaxValue;
            });

    private static async Task PrintAsync(Task work, Func<string> line, Action<bool>? tell, TextWriter output)
    {
        for (var since = Stopwatch.StartNew(); !work.IsCompleted; await Task.WhenAny(work, Task.Delay(BetweenLooks)))
        {
            tell?.Invoke(false);
            if (since.Elapsed < BetweenLines) continue;
            since.Restart();
            await output.WriteLineAsync(line());
        }
    }
}
