using System.Net;
using Berth.Tests.Clients;
using Berth.Tests.Servers;

namespace Berth.Tests.Deploy;

/// <summary>The image that deploy/Dockerfile makes.</summary>
public sealed class ImageTests : IAsyncDisposable
{
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(15);

    private readonly string folder = Directory.CreateTempSubdirectory("berth-image-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IEnumerable<string> Podman =>
    [
        "podman", "--root", Path.Combine(folder, "root"), "--runroot", Path.Combine(folder, "run"),
        "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
    ];

    [Fact]
    public async Task The_image_builds_and_its_Berth_needs_no_rights()
    {
        var tools = await ClientTools.ReadyAsync();
        var builder = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Deploy", "build-image.sh");
        var build = await ProgramRun.StartAsync(
            builder, [SourceTree.Root, tools.DebianArchive, folder], Nothing, "/", BuildLimit);
        build.OutputOfSuccess();

        var address = $"127.0.0.1:{LoopbackPorts.Free()}";
        using var client = new HttpClient { BaseAddress = new Uri($"http://{address}/") };
        await using var container = await Daemon.StartAsync(
            folder, Nothing, [.. Podman, "run", .. RunOptions(address), "localhost/berth"], () => IsReadyAsync(client));

        using var pushed = await client.PostAsync(
            new Uri($"v2/a/blobs/uploads/?digest=sha256:{new string('0', 64)}", UriKind.Relative),
            new ByteArrayContent([1]), Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, pushed.StatusCode); // it took the body, and hashed it
        Assert.Equal("10001 1\n", await InsideAsync("echo $(id -u) $(ls /var/lib/berth | grep -c berth.db$)"));
        Assert.Equal("0\n", await InsideAsync("touch /opt/x /etc/x 2>/dev/null; ls /opt/x /etc/x 2>/dev/null | wc -l"));
    }

    public async ValueTask DisposeAsync()
    {
        await Mounts.RemoveUnderAsync(folder);
        Directory.Delete(folder, recursive: true);
    }

    private static Dictionary<string, string> Nothing => [];

    private static string[] RunOptions(string address) =>
    [
        "--name", "berth", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
        "--runtime", "runc", "--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:1024", "--no-healthcheck",
        "-e", "REGISTRY_AUTH_ANONYMOUS=full", "-e", $"REGISTRY_HTTP_ADDR={address}",
    ];

    private static async Task<bool> IsReadyAsync(HttpClient client)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("readyz", UriKind.Relative), Cancellation);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<string> InsideAsync(string command)
    {
        var run = await ProgramRun.StartAsync(
            "podman", [.. Podman.Skip(1), "exec", "berth", "bash", "-c", command], Nothing, "/", BuildLimit);
        return run.OutputOfSuccess();
    }
}
