using System.Diagnostics;
using Berth.Tests.Clients;

namespace Berth.Tests.Servers;

/// <summary>
/// A script of this folder that holds servers. It takes commands by its standard input and ends the servers when that
/// closes, which it does even when the tests are killed: so no server outlives them.
/// </summary>
internal sealed class ServerScript : IAsyncDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(15);
    private static readonly Lazy<Task> Installed = new(InstallAsync);

    private readonly Process process;
    private readonly string name;
    private readonly SemaphoreSlim oneCommand = new(1);

    private ServerScript(Process process, string name)
    {
        this.process = process;
        this.name = name;
    }

    /// <summary>The temporary folder with everything of the servers.</summary>
    public string Folder { get; private set; } = "";

    /// <summary>Waits until all that the scripts use is installed.</summary>
    /// <returns>The folder with what came from npm.</returns>
    public static async Task<string> ReadyAsync()
    {
        await Installed.Value;
        return CacheFolder.Of("berth-servers");
    }

    /// <summary>Starts a script and waits until its servers answer. What is missing is installed.</summary>
    /// <exception cref="InvalidOperationException">They did not start. Holds what they said.</exception>
    public static async Task<ServerScript> StartAsync(string name, params IEnumerable<string> arguments)
    {
        await Installed.Value;
        // In a session of its own, so that a signal to the tests' process group leaves it the time to clean up.
        var path = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Servers", name);
        var start = new ProcessStartInfo("setsid", ["bash", path, .. arguments])
        {
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start) ?? throw new InvalidOperationException("setsid did not start.");
        var script = new ServerScript(process, name);
        try
        {
            script.Folder = (await script.AnswerAsync("ready"))[1..];
            return script;
        }
        catch
        {
            await script.DisposeAsync();
            throw;
        }
    }

    /// <summary>Gives the script a command and waits until it is done.</summary>
    /// <exception cref="InvalidOperationException">It failed. Holds what the servers said.</exception>
    public async Task DoAsync(string command)
    {
        await oneCommand.WaitAsync();
        try
        {
            await process.StandardInput.WriteLineAsync(command);
            await process.StandardInput.FlushAsync();
            await AnswerAsync("done");
        }
        finally
        {
            oneCommand.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(AnswerLimit);
        process.Dispose();
        oneCommand.Dispose();
    }

    private static async Task InstallAsync()
    {
        var installer = Path.Combine(SourceTree.Root, "tests", "install-servers.sh");
        var run = await ProgramRun.StartAsync(installer, [], new Dictionary<string, string>(), "/", InstallLimit);
        run.OutputOfSuccess();
    }

    /// <summary>The rest of the line with which the script says that it is done.</summary>
    private async Task<string> AnswerAsync(string word)
    {
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(AnswerLimit);
        if (line is not null && line.StartsWith(word, StringComparison.Ordinal)) return line[word.Length..];
        process.StandardInput.Close();
        throw new InvalidOperationException($"{name} failed.\n{line}\n{await process.StandardOutput.ReadToEndAsync()}");
    }
}
