namespace Berth.Tests.Clients;

/// <summary>The client programs of this machine. Installed once in a test run, when the first test asks.</summary>
public sealed class ClientTools
{
    private static readonly Lazy<Task<ClientTools>> Installed = new(InstallAsync);

    private readonly string _folder;

    private ClientTools(string folder) => _folder = folder;

    /// <summary>A busybox that needs no library, so that an image can consist of it alone.</summary>
    public static string Busybox => "/bin/busybox";

    /// <summary>A Debian root file system, as an uncompressed tar archive.</summary>
    public string DebianArchive => Path.Combine(_folder, "debian.tar");

    /// <summary>go-containerregistry's command.</summary>
    public string Crane => Path.Combine(_folder, "crane/usr/bin/crane");

    /// <summary>The OCI artifacts' client.</summary>
    public string Oras => Path.Combine(_folder, "oras/usr/bin/oras");

    /// <summary>The Notary project's signer.</summary>
    public string Notation => Path.Combine(_folder, "notation/usr/bin/notation");

    /// <summary>Waits until all programs are there.</summary>
    /// <exception cref="InvalidOperationException">The installer failed. Holds its output.</exception>
    public static Task<ClientTools> ReadyAsync() => Installed.Value;

    /// <summary>Sigstore's signer: its version 2 comes from trixie, 3 and later from sid.</summary>
    public string Cosign(string suite) => Path.Combine(_folder, $"cosign-{suite}/usr/bin/cosign");

    /// <summary>The folder with containerd, its shims and ctr.</summary>
    public string ContainerdFolder(string suite) => Path.Combine(_folder, $"containerd-{suite}/usr/bin");

    /// <summary>The docker daemon.</summary>
    public string Dockerd(string suite) => Path.Combine(_folder, $"docker-{suite}/usr/sbin/dockerd");

    /// <summary>The docker command.</summary>
    public string Docker(string suite) => Path.Combine(_folder, $"docker-{suite}/usr/bin/docker");

    /// <summary>The docker command's plugin for BuildKit.</summary>
    public string Buildx => Path.Combine(_folder, "docker-sid/usr/libexec/docker/cli-plugins/docker-buildx");

    /// <summary>The distribution registry.</summary>
    public string DistributionRegistry => Path.Combine(_folder, "docker-registry/usr/bin/docker-registry");

    /// <summary>Docker Compose, which runs on its own too.</summary>
    public string Compose => Path.Combine(_folder, "compose/usr/libexec/docker/cli-plugins/docker-compose");

    private static async Task<ClientTools> InstallAsync()
    {
        var folder = CacheFolder.Of("berth-clients");
        var installer = FindInstaller();
        var run = await ProgramRun.StartAsync(
            installer, [folder], new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(15));
        run.OutputOfSuccess();
        return new ClientTools(folder);
    }

    private static string FindInstaller()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var installer = Path.Combine(folder.FullName, "tests", "install-clients.sh");
            if (File.Exists(installer))
            {
                return installer;
            }
        }

        throw new FileNotFoundException($"No tests/install-clients.sh above {AppContext.BaseDirectory}.");
    }
}
