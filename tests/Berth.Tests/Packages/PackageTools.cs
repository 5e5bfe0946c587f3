using Berth.Tests.Clients;

namespace Berth.Tests.Packages;

/// <summary>The ecosystems' own programs, which say what is in files. Installed once in a run, when a test asks.
/// </summary>
internal static class PackageTools
{
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(2);
    private static readonly Lazy<Task> Installed = new(InstallAsync);

    /// <summary>The output of a program that must succeed.</summary>
    public static async Task<string> RunAsync(string program, params IEnumerable<string> arguments)
    {
        await Installed.Value;
        var run = await ProgramRun.StartAsync(program, arguments, new Dictionary<string, string>(), "/", RunLimit);
        return run.OutputOfSuccess();
    }

    /// <summary>What <c>go version -m</c> says of a program, without its name and the indentation.</summary>
    public static async Task<string[]> GoVersionAsync(string program)
    {
        await Installed.Value;
        // The command wants to know where its library is, which it does not need for this.
        var variables = new Dictionary<string, string> { ["GOROOT"] = Folder, ["GOTOOLCHAIN"] = "local" };
        var run = await ProgramRun.StartAsync(
            Path.Combine(Folder, "go"), ["version", "-m", program], variables, "/", RunLimit);
        var lines = run.OutputOfSuccess().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [lines[0][(program.Length + 2)..], .. lines[1..].Select(line => line.Trim('\t'))];
    }

    /// <summary>An archive of Java that Debian installed.</summary>
    public static async Task<string> ArchiveAsync(string name)
    {
        await Installed.Value;
        return Path.Combine("/usr/share/java", name);
    }

    private static string Folder => CacheFolder.Of("berth-packages");

    private static async Task InstallAsync()
    {
        var installer = Path.Combine(SourceTree.Root, "tests", "install-package-tools.sh");
        var run = await ProgramRun.StartAsync(installer, [Folder], new Dictionary<string, string>(), "/", InstallLimit);
        run.OutputOfSuccess();
    }
}
