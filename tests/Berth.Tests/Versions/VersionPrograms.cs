using System.Globalization;
using Berth.Tests.Clients;

namespace Berth.Tests.Versions;

/// <summary>The programs with which ecosystems compare their versions. What is missing is installed, once in a run.
/// </summary>
internal static class VersionPrograms
{
    private static readonly Lazy<Task<string>> Installed = new(InstallAsync);

    /// <summary>The folder of what comes from npm and Maven.</summary>
    public static Task<string> FolderAsync() => Installed.Value;

    /// <summary>-1, 0 or 1 for each pair, by the program of a kind (compare.sh).</summary>
    public static async Task<IReadOnlyList<int>> CompareAsync(
        string kind, IEnumerable<(string One, string Other)> pairs)
    {
        var folder = await FolderAsync();
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, pairs.Select(pair => $"{pair.One}\t{pair.Other}"));
            var script = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Versions", "compare.sh");
            var run = await ProgramRun.StartAsync(
                script, [kind, file, folder], new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(2));
            return [.. run.OutputOfSuccess().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static int Parse(string line) => int.Parse(line, CultureInfo.InvariantCulture);

    private static async Task<string> InstallAsync()
    {
        var folder = CacheFolder.Of("berth-versions");
        var installer = Path.Combine(SourceTree.Root, "tests", "install-version-tools.sh");
        var run = await ProgramRun.StartAsync(
            installer, [folder], new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(15));
        run.OutputOfSuccess();
        return folder;
    }
}
