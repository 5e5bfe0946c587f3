using System.Diagnostics;

namespace Berth.Tests.Clients;

/// <summary>
/// A program in the background that goes away with its owner, however the owner ends: a shell holds it, and ends it
/// with SIGTERM when its own input is closed. What it has left mounted below its folder is unmounted.
/// </summary>
public sealed class Daemon : IAsyncDisposable
{
    private const string Hold = """
        exec >"$1" 2>&1
        shift
        "$@" </dev/null &
        child=$!
        { cat; kill "$child"; } <&0 &
        wait "$child"
        """;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    private readonly Process _shell;
    private readonly string _folder;
    private readonly string _log;

    private Daemon(Process shell, string folder, string log)
    {
        _shell = shell;
        _folder = folder;
        _log = log;
    }

    /// <summary>Starts a program and waits until it answers.</summary>
    /// <param name="folder">Everything that the program mounts is below.</param>
    /// <param name="environment">Added to the machine's own.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="isReady">Asked again and again until it is true.</param>
    /// <exception cref="InvalidOperationException">It ended, or was silent for a minute. Holds its log.</exception>
    public static async Task<Daemon> StartAsync(
        string folder,
        IReadOnlyDictionary<string, string> environment,
        IEnumerable<string> command,
        Func<Task<bool>> isReady)
    {
        var log = Path.Combine(folder, "log");
        var start = new ProcessStartInfo("bash", ["-c", Hold, "hold", log, .. command])
        {
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var shell = Process.Start(start) ?? throw new InvalidOperationException("bash did not start.");
        var daemon = new Daemon(shell, folder, log);
        var waited = Stopwatch.StartNew();
        while (!await isReady())
        {
            if (shell.HasExited || waited.Elapsed > StartLimit)
            {
                var said = await File.ReadAllTextAsync(log);
                await daemon.DisposeAsync();
                throw new InvalidOperationException($"{string.Join(' ', command)}\ndid not answer.\n{said}");
            }

            await Task.Delay(100);
        }

        return daemon;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _shell.StandardInput.Close();
        try
        {
            await _shell.WaitForExitAsync().WaitAsync(StopLimit);
        }
        catch (TimeoutException)
        {
            _shell.Kill(entireProcessTree: true);
            throw new TimeoutException($"A daemon did not stop.\n{await File.ReadAllTextAsync(_log)}");
        }
        finally
        {
            _shell.Dispose();
            await Mounts.RemoveUnderAsync(_folder);
        }
    }
}
