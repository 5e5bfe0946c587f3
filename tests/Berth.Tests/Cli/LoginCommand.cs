using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Berth.Tests.Cli;

/// <summary>A <c>berth login</c> that waits until somebody lets it in.</summary>
internal sealed partial class LoginCommand : IDisposable
{
    private readonly Process process;

    private LoginCommand(Process process, Uri page) => (this.process, Page) = (process, page);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Where one lets it in.</summary>
    public Uri Page { get; }

    /// <summary>What it is let in by.</summary>
    public string Code => CodeOf().Match(Page.Query).Groups[1].Value;

    /// <summary>Starts it, and reads its output as far as the address of the page.</summary>
    public static async Task<LoginCommand> StartAsync(ProcessStartInfo start)
    {
        var process = Process.Start(start)!;
        var said = "";
        while (await process.StandardOutput.ReadLineAsync(Stop) is { } line)
        {
            said += line + "\n";
            if (CodeOf().IsMatch(line)) return new LoginCommand(process, new Uri(line.Trim()));
        }

        throw new InvalidOperationException($"{said}{await process.StandardError.ReadToEndAsync(Stop)}");
    }

    /// <summary>Waits until it is let in. Returns the rest of its output.</summary>
    public async Task<string> FinishAsync()
    {
        var output = await process.StandardOutput.ReadToEndAsync(Stop);
        var errors = await process.StandardError.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        Assert.True(process.ExitCode == 0, output + errors);
        return output;
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    [GeneratedRegex("code=([A-Z-]+)")]
    private static partial Regex CodeOf();
}
