namespace Berth.Tests.Clients;

/// <summary>A containerd of our own, with a folder and a socket of its own, and ctr for it.</summary>
public sealed class Containerd : IAsyncDisposable
{
    private readonly ClientFixture _client;
    private readonly string _programs;
    private readonly string _folder;
    private Daemon? _daemon;

    private Containerd(ClientFixture client, string suite)
    {
        _client = client;
        _programs = client.Tools.ContainerdFolder(suite);
        _folder = Directory.CreateTempSubdirectory("containerd-").FullName;
    }

    /// <summary>Starts the containerd that a Debian suite has.</summary>
    public static async Task<Containerd> StartAsync(ClientFixture client, string suite)
    {
        var containerd = new Containerd(client, suite);
        try
        {
            containerd._daemon = await containerd.StartDaemonAsync();
            return containerd;
        }
        catch
        {
            await containerd.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a ctr command that must succeed.</summary>
    /// <returns>Its standard output.</returns>
    public async Task<string> RunAsync(params IEnumerable<string> arguments) =>
        (await TryRunAsync(arguments)).OutputOfSuccess().Trim();

    /// <summary>Takes an image over from a layout.</summary>
    public async Task ImportAsync(OciLayout layout, string image, params IEnumerable<string> options)
    {
        var archive = _client.NewPath("layout.tar");
        await _client.RunAsync("tar", "-cf", archive, "-C", layout.Folder, ".");
        var name = image[..image.LastIndexOf(':')];
        await RunAsync(
            ["images", "import", "--no-unpack", "--base-name", name, .. options, archive]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_daemon is not null)
        {
            await _daemon.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private Task<Daemon> StartDaemonAsync()
    {
        var settings = Path.Combine(_folder, "config.toml");
        File.WriteAllText(settings, $"""
            version = 2
            root = "{_folder}/root"
            state = "{_folder}/state"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
            [grpc]
            address = "{_folder}/socket"
            """);
        var environment = new Dictionary<string, string>
        {
            ["PATH"] = $"{_programs}:{Environment.GetEnvironmentVariable("PATH")}",
        };
        return Daemon.StartAsync(
            _folder,
            environment,
            [Path.Combine(_programs, "containerd"), "--config", settings],
            async () => (await TryRunAsync("version")).ExitCode == 0);
    }

    /// <summary>Runs a ctr command that may fail.</summary>
    public Task<ProgramRun> TryRunAsync(params IEnumerable<string> arguments) =>
        _client.TryRunAsync(Path.Combine(_programs, "ctr"), ["--address", $"{_folder}/socket", .. arguments]);
}
