using Berth.Tests.Clients;

namespace Berth.Tests.Deploy;

/// <summary>The programs that check the files in deploy/. Installed once in a run, when a test asks.</summary>
internal static class DeployTools
{
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(1);
    private static readonly Lazy<Task> Installed = new(InstallAsync);

    /// <summary>A file or folder in deploy/.</summary>
    public static string PathOf(string name) => Path.Combine(SourceTree.Root, "deploy", name);

    /// <summary>Where helm is, once another program was run.</summary>
    public static string Helm => Path.Combine(Folder, "helm");

    /// <summary>Runs helm, which may fail.</summary>
    public static Task<ProgramRun> HelmAsync(params IEnumerable<string> arguments) =>
        RunAsync(Helm, arguments);

    /// <summary>Runs another program, which may fail.</summary>
    /// <param name="program">Its name or path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="variables">Added to the machine's own.</param>
    public static async Task<ProgramRun> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? variables = null)
    {
        await Installed.Value;
        return await ProgramRun.StartAsync(
            program, arguments, variables ?? new Dictionary<string, string>(), "/", RunLimit);
    }

    private static string Folder => CacheFolder.Of("berth-deploy");

    private static async Task InstallAsync()
    {
        var installer = Path.Combine(SourceTree.Root, "tests", "install-deploy-tools.sh");
        var run = await ProgramRun.StartAsync(installer, [Folder], new Dictionary<string, string>(), "/", InstallLimit);
        run.OutputOfSuccess();
    }
}
