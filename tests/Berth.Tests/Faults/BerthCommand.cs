using System.Diagnostics;

namespace Berth.Tests.Faults;

/// <summary>Runs a subcommand of Berth beside, or instead of, a server on the same folder.</summary>
internal static class BerthCommand
{
    public static Task<(int ExitCode, string Output)> RunAsync(
        string dataFolder, params string[] arguments) => RunAsync(
        new Dictionary<string, string> { ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = dataFolder }, arguments);

    /// <param name="settings">By the names they have in the environment.</param>
    /// <param name="arguments">The subcommand and its options.</param>
    public static async Task<(int ExitCode, string Output)> RunAsync(
        IReadOnlyDictionary<string, string> settings, params string[] arguments)
    {
        var start = BerthProgram.Prepare(arguments);
        foreach (var (name, value) in settings) start.Environment[name] = value;
        using var process = Process.Start(start) ?? throw new InvalidOperationException("Berth did not start.");
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await errors);
    }
}
