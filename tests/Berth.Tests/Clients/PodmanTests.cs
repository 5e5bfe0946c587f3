namespace Berth.Tests.Clients;

/// <summary>podman and buildah: one library, one store.</summary>
public sealed class PodmanTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    // A container needs no more than this, and the defaults ask for more than a container host may allow.
    private static readonly string[] RunOptions =
    [
        "--rm", "--network=none", "--runtime=runc",
        "--ulimit=nofile=1024:4096", "--ulimit=nproc=1024:1024",
    ];

    private string store = client.Folder;

    [Fact]
    public async Task Podman_pushes_an_image_pulls_it_back_and_runs_it()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "podman");
        var image = $"{client.Address}/podman/app:1";
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, $"{client.Address}/podman/source:1");
        await PullAsync($"{client.Address}/podman/source:1");
        await PodmanAsync("tag", $"{client.Address}/podman/source:1", image);
        var pushed = await PushAsync(image);
        Assert.Equal(pushed, await client.DigestAsync("podman/app", "1"));

        await PodmanAsync("rmi", "--all", "--force");
        await PullAsync(image);
        Assert.Equal(pushed, await PodmanAsync("image", "inspect", "--format={{.Digest}}", image));
        Assert.Equal("podman", await PodmanAsync(["run", .. RunOptions, image]));
    }

    [Fact]
    public async Task Podman_pushes_an_index_and_pulls_each_architecture()
    {
        var layout = OciLayout.WriteIndex(client.NewPath("layout"), "podman index", "amd64", "arm64");
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, $"{client.Address}/podman/parts:1");
        var (list, image) = ("localhost/together", $"{client.Address}/podman/index:1");
        await PodmanAsync("manifest", "create", list);
        foreach (var architecture in new[] { "amd64", "arm64" })
        {
            var child = await client.RunAsync(
                client.Tools.Crane, "digest", "--platform", $"linux/{architecture}",
                $"{client.Address}/podman/parts:1");
            await PodmanAsync(
                "manifest", "add", "--tls-verify=false", list, $"docker://{client.Address}/podman/parts@{child}");
        }

        await PodmanAsync("manifest", "push", "--tls-verify=false", "--all", list, $"docker://{image}");
        foreach (var architecture in new[] { "amd64", "arm64" })
        {
            await PullAsync(image, $"--arch={architecture}");
            Assert.Equal(architecture, await PodmanAsync("image", "inspect", "--format={{.Architecture}}", image));
        }
    }

    [Fact]
    public async Task Podman_mounts_the_layers_it_has_pushed_to_another_repository()
    {
        await using var proxy = await RecordingProxy.StartAsync(client.Berth.BaseAddress);
        var layout = OciLayout.Write(client.NewPath("layout"), "podman mounts");
        var (first, second) = ($"{proxy.Address}/podman/first:1", $"{proxy.Address}/podman/second:1");
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, first);

        // podman mounts a layer only from where it has pulled or pushed it, and pulls none that it has from elsewhere.
        store = Path.Combine(client.Folder, "own");
        await PullAsync(first);
        await PodmanAsync("tag", first, second);
        await PushAsync(second);
        Assert.All(layout.Layers, layer => proxy.AssertMounted("podman/second", "podman/first", layer));
    }

    [Fact]
    public async Task Podman_says_that_a_deleted_image_is_unknown()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "podman deleted");
        var image = $"{client.Address}/podman/deleted:1";
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, image);
        await client.RunAsync("skopeo", "delete", "--tls-verify=false", $"docker://{image}");

        var pull = await client.TryRunAsync("podman", [.. Store, "pull", "--tls-verify=false", image]);
        Assert.NotEqual(0, pull.ExitCode);
        Assert.Contains("manifest unknown", pull.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_buildah_has_built_is_pushed_and_pulled_back()
    {
        var context = Directory.CreateDirectory(client.NewPath("context")).FullName;
        var stop = TestContext.Current.CancellationToken;
        File.Copy(ClientTools.Busybox, Path.Combine(context, "busybox"));
        await File.WriteAllTextAsync(Path.Combine(context, "Containerfile"), """
            FROM scratch
            COPY busybox /bin/
            RUN ["/bin/busybox", "touch", "/made"]
            """, stop);
        var (image, digestFile) = ($"{client.Address}/buildah/app:1", client.NewPath("digest"));
        await BuildahAsync("bud", "--isolation=chroot", "--tag", image, context);
        await BuildahAsync("push", "--tls-verify=false", "--digestfile", digestFile, image);
        var pushed = await File.ReadAllTextAsync(digestFile, stop);
        Assert.Equal(pushed, await client.DigestAsync("buildah/app", "1"));

        await BuildahAsync("rmi", "--force", image);
        await BuildahAsync("pull", "--tls-verify=false", image);
        Assert.Equal(pushed, await BuildahAsync("images", "--format={{.Digest}}", image));
    }

    private string[] Store => ["--root", $"{store}/containers", "--runroot", $"{store}/run"];

    private Task<string> PodmanAsync(params IEnumerable<string> arguments) => client.RunAsync(
        "podman", [.. Store, "--cgroup-manager=cgroupfs", "--events-backend=file", .. arguments]);

    private Task<string> BuildahAsync(params IEnumerable<string> arguments) =>
        client.RunAsync("buildah", [.. Store, .. arguments]);

    private Task<string> PullAsync(string image, params IEnumerable<string> options) =>
        PodmanAsync(["pull", "--tls-verify=false", .. options, image]);

    private async Task<string> PushAsync(string image)
    {
        var digestFile = client.NewPath("digest");
        await PodmanAsync("push", "--tls-verify=false", "--digestfile", digestFile, image);
        return await File.ReadAllTextAsync(digestFile);
    }
}
