using System.CommandLine;
using Berth.Hosting;

namespace Berth.Cli;

/// <summary><c>berth serve</c>: runs the registry until it is told to stop.</summary>
internal static class ServeCommand
{
    /// <summary>
    /// Threads wait for disks and for SQLite. The pool starts with one per core, so a few large pushes would leave
    /// cores idle until it grows.
    /// </summary>
    private const int MinimumThreads = 16;

    public static Command Create()
    {
        var config = SettingsOption.Create();
        var command = new Command("serve", "Run the registry.") { config };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (SettingsOption.Load(parsed.GetValue(config)) is not { } settings) return 1;
            ThreadPool.GetMinThreads(out var workers, out var completions);
            ThreadPool.SetMinThreads(Math.Max(workers, MinimumThreads), completions);
            try
            {
                await using var app = await RegistryHost.BuildAsync(settings);
                await RegistryHost.RunAsync(app, Console.Error, parsed.GetValue(config), cancellation);
                return 0;
            }
            catch (Exception e) when (StartFailure.Explain(e, settings) is { } reason)
            {
                await Console.Error.WriteLineAsync($"berth: {reason}");
                return 1;
            }
        });
        return command;
    }
}
