using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Berth.Settings;

namespace Berth.Tests;

/// <summary>A registry for the tests of the API that is a process of its own, as users run it.</summary>
internal sealed partial class ProgramRegistry : IAsyncDisposable
{
    private const int SigTerm = 15;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly StringBuilder said = new();
    private readonly TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ProgramRegistry(Process process, Stream output)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) => Collect(line.Data, output);
        process.Exited += (_, _) => _ = FailAsync();
        process.EnableRaisingEvents = true;
        process.ErrorDataReceived += (_, line) => Collect(line.Data, output);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The registry's root, with a slash at the end.</summary>
    public Uri BaseAddress { get; private set; } = null!;

    /// <summary>Starts the program with these settings in a file, and waits until it listens.</summary>
    public static async Task<ProgramRegistry> StartAsync(string folder, RegistrySettings settings, Stream output)
    {
        var file = Path.Combine(folder, "config.yml");
        await File.WriteAllTextAsync(file, SettingsFileText.Of(settings));
        var command = BerthProgram.CommandOf(BerthProgram.Path);
        var start = new ProcessStartInfo("bash", ["-c", BerthProcess.EndWithTests, "berth", .. command])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["REGISTRY_CONFIGURATION_PATH"] = file;
        var registry = new ProgramRegistry(Process.Start(start)!, output);
        try
        {
            registry.BaseAddress = await registry.listening.Task.WaitAsync(Limit);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <summary>The lines of a text log as the registry in this process records them: the level first.</summary>
    public static IReadOnlyList<string> LogOf(string output) =>
        [.. output.Split('\n').Select(line => LogLevel().Replace(line, m => m.Groups[1].Value switch
        {
            "error" => "Error ",
            "warn" => "Warning ",
            _ => "Information ",
        }))];

    /// <summary>Stops the program in order.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) _ = Signal(process.Id, SigTerm);
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }

        process.Dispose();
    }

    /// <summary>Waits for the rest of the output, which says why.</summary>
    private async Task FailAsync()
    {
        await process.WaitForExitAsync();
        lock (said)
        {
            listening.TrySetException(new InvalidOperationException($"Berth ended before it listened.\n{said}"));
        }
    }

    private void Collect(string? line, Stream output)
    {
        if (line is null) return;
        lock (said) said.AppendLine(line);
        output.Write(Encoding.UTF8.GetBytes(line + "\n"));
        if (Address().Match(line) is { Success: true } found)
        {
            listening.TrySetResult(new Uri(found.Groups[1].Value + "/"));
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int processId, int signal);

    [GeneratedRegex(@"^\S+Z (error|warn|info|debug) ")]
    private static partial Regex LogLevel();

    [GeneratedRegex(@"listens on ([^\s,]+)")]
    private static partial Regex Address();
}
