using System.Text.RegularExpressions;

namespace Berth.Tests.Clients;

/// <summary>A docker daemon of our own, with a folder and a socket of its own, and the docker command for it.</summary>
public sealed partial class DockerDaemon : IAsyncDisposable
{
    private readonly ClientFixture _client;
    private readonly string _docker;
    private readonly string _folder;
    private Daemon? _daemon;

    private DockerDaemon(ClientFixture client, string suite)
    {
        _client = client;
        _docker = client.Tools.Docker(suite);
        // A socket's path may have no more than 107 bytes, so this folder is not below the fixture's.
        _folder = Directory.CreateTempSubdirectory("dockerd-").FullName;
    }

    private string Socket => $"unix://{_folder}/socket";

    /// <summary>Starts the daemon that a Debian suite has.</summary>
    /// <param name="client">Whose registry, programs and home the daemon and its command use.</param>
    /// <param name="suite">The Debian suite that docker is from.</param>
    /// <param name="containerdStore">Whether images are kept in containerd, not in docker's own store.</param>
    public static async Task<DockerDaemon> StartAsync(ClientFixture client, string suite, bool containerdStore)
    {
        var plugins = Directory.CreateDirectory(Path.Combine(client.Environment["DOCKER_CONFIG"], "cli-plugins"));
        var buildx = Path.Combine(plugins.FullName, "docker-buildx");
        File.Delete(buildx);
        File.CreateSymbolicLink(buildx, client.Tools.Buildx);
        var docker = new DockerDaemon(client, suite);
        try
        {
            docker._daemon = await docker.StartDaemonAsync(client.Tools, suite, containerdStore);
            return docker;
        }
        catch
        {
            await docker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a docker command that must succeed.</summary>
    /// <returns>Its standard output.</returns>
    public Task<string> RunAsync(params IEnumerable<string> arguments) =>
        _client.RunAsync(_docker, ["--host", Socket, .. arguments]);

    /// <summary>Runs a docker command that may fail.</summary>
    public Task<ProgramRun> TryRunAsync(params IEnumerable<string> arguments) =>
        _client.TryRunAsync(_docker, ["--host", Socket, .. arguments]);

    /// <summary>Pushes an image, and gives the digest that docker says it has there.</summary>
    public async Task<string> PushAsync(string image) => DigestIn(await RunAsync("push", image));

    /// <summary>Pulls an image, and gives the digest that docker says it has.</summary>
    public async Task<string> PullAsync(string image) => DigestIn(await RunAsync("pull", image));

    /// <summary>Writes a folder to build an image from that says <paramref name="words"/> when it is run.</summary>
    public string WriteContext(string words)
    {
        var context = Directory.CreateDirectory(_client.NewPath("context")).FullName;
        File.Copy(ClientTools.Busybox, Path.Combine(context, "busybox"));
        File.WriteAllText(Path.Combine(context, "words"), words);
        File.WriteAllText(Path.Combine(context, "Dockerfile"), """
            FROM scratch AS copied
            COPY busybox /bin/
            COPY words /
            FROM copied
            RUN ["/bin/busybox", "cp", "/words", "/spoken"]
            CMD ["/bin/busybox", "cat", "/spoken"]
            """);
        return context;
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

    private Task<Daemon> StartDaemonAsync(ClientTools tools, string suite, bool containerdStore)
    {
        var path = Environment.GetEnvironmentVariable("PATH");
        var environment = new Dictionary<string, string> { ["PATH"] = $"{tools.ContainerdFolder("trixie")}:{path}" };
        string[] stores = containerdStore ? ["--feature", "containerd-snapshotter=true"] : [];
        return Daemon.StartAsync(
            _folder,
            environment,
            [
                tools.Dockerd(suite), "--host", Socket, "--data-root", $"{_folder}/data",
                "--exec-root", $"{_folder}/exec", "--pidfile", $"{_folder}/pid",
                "--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy=false", .. stores,
            ],
            async () => (await TryRunAsync("version")).ExitCode == 0);
    }

    private static string DigestIn(string output)
    {
        var found = DigestLine().Match(output);
        Assert.True(found.Success, output);
        return found.Groups[1].Value;
    }

    [GeneratedRegex("digest: (sha256:[0-9a-f]{64})", RegexOptions.IgnoreCase)]
    private static partial Regex DigestLine();
}
