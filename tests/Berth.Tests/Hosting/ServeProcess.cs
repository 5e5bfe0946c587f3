using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Berth.Tests.Hosting;

/// <summary><c>berth serve</c> in a folder, with its output as it comes.</summary>
internal sealed partial class ServeProcess : IDisposable
{
    private readonly Process process;

    public ServeProcess(string folder, string addr, string data, params (string Name, string Value)[] settings)
    {
        var start = BerthProgram.Prepare("serve");
        start.WorkingDirectory = folder;

        // As under a supervisor, wherever the tests run.
        start.RedirectStandardInput = true;
        start.Environment["REGISTRY_HTTP_ADDR"] = addr;
        start.Environment["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data;
        foreach (var (name, value) in settings) start.Environment[name] = value;
        process = Process.Start(start)!;
    }

    /// <param name="start">What becomes the server, with its output redirected.</param>
    public ServeProcess(ProcessStartInfo start) => process = Process.Start(start)!;

    public StreamReader Output => process.StandardOutput;

    public StreamReader Error => process.StandardError;

    public async Task<string> ReadLineAsync() => await Output.ReadLineAsync() ?? await Error.ReadToEndAsync();

    /// <summary>Reads the first line and returns the address in it.</summary>
    public async Task<Uri> ReadAddressAsync() =>
        new(Address().Match(await ReadLineAsync()).Groups[1].Value + "/");

    /// <summary>Reads as far as the line with the address. Returns the address and what was read.</summary>
    public async Task<(Uri Address, string Log)> ReadStartAsync()
    {
        var log = new StringBuilder();
        while (await Output.ReadLineAsync() is { } line)
        {
            log.AppendLine(line);
            if (Address().Match(line) is { Success: true } address) return (new Uri(address.Groups[1].Value), $"{log}");
        }

        throw new InvalidOperationException($"{log}{await Error.ReadToEndAsync()}");
    }

    /// <summary>What the first start says of the administrator: it comes after the address.</summary>
    public async Task<string> ReadAdministratorAsync()
    {
        var error = new StringBuilder();
        while (!error.ToString().Contains("berth user password admin", StringComparison.Ordinal)
            || !error.ToString().EndsWith("\n\n", StringComparison.Ordinal))
        {
            error.Append(await Error.ReadLineAsync()).Append('\n');
        }

        return error.ToString();
    }

    public void Terminate() => Assert.Equal(0, Signal(process.Id, 15));

    public void HangUp() => Assert.Equal(0, Signal(process.Id, 1));

    public async Task<int> WaitForExitAsync()
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    /// <exception cref="OperationCanceledException">It has not ended by then.</exception>
    public async Task<int> ExitWithinAsync(TimeSpan limit)
    {
        using var ending = new CancellationTokenSource(limit);
        await process.WaitForExitAsync(ending.Token);
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int processId, int signal);

    [GeneratedRegex(@"listens on (\S+),")]
    private static partial Regex Address();
}
