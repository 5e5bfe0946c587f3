using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>A registry and a docker daemon, for one class of tests.</summary>
public abstract class DockerFixture(string suite, bool containerdStore) : IAsyncLifetime
{
    private DockerDaemon? _docker;

    /// <summary>The registry, and the other clients.</summary>
    public ClientFixture Client { get; } = new();

    /// <summary>The daemon.</summary>
    public DockerDaemon Docker => _docker ?? throw new InvalidOperationException("Not initialized.");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await Client.InitializeAsync();
        _docker = await DockerDaemon.StartAsync(Client, suite, containerdStore);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_docker is not null)
        {
            await _docker.DisposeAsync();
        }

        await Client.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Docker 26 as many still run it: images in docker's own store, pushed with POST, PATCH and PUT.</summary>
public sealed class OldDockerFixture() : DockerFixture("trixie", containerdStore: false);

/// <summary>Docker 28 or later with docker's own store.</summary>
public sealed class ClassicDockerFixture() : DockerFixture("sid", containerdStore: false);

/// <summary>Docker 28 or later with images in containerd, pushed with POST and PUT.</summary>
public sealed class ContainerdDockerFixture() : DockerFixture("sid", containerdStore: true);

/// <summary>What docker does alike whatever its version and store.</summary>
public abstract class DockerTests(DockerFixture fixture)
{
    private protected ClientFixture Client => fixture.Client;

    private protected DockerDaemon Docker => fixture.Docker;

    [Fact]
    public async Task An_image_that_docker_has_built_is_pushed_pulled_back_and_run()
    {
        var image = $"{Client.Address}/built/app:1";
        await BuildAsync(image, "built here");
        var pushed = await Docker.PushAsync(image);
        Assert.Equal(pushed, await Client.DigestAsync("built/app", "1"));

        await Docker.RunAsync("image", "rm", image);
        Assert.Equal(pushed, await Docker.PullAsync(image));
        Assert.Equal("built here", await Docker.RunAsync("run", "--rm", "--network=none", image));
    }

    [Fact]
    public async Task A_push_to_a_second_repository_mounts_the_layers_of_the_first()
    {
        await BuildAsync($"{Client.Address}/mount/first:1", "mounted");
        await Docker.PushAsync($"{Client.Address}/mount/first:1");
        await Docker.RunAsync("tag", $"{Client.Address}/mount/first:1", $"{Client.Address}/mount/second:1");
        var said = await Docker.RunAsync("push", $"{Client.Address}/mount/second:1");

        Assert.Contains("Mounted from mount/first", said, StringComparison.Ordinal);
        Assert.Equal(await Client.DigestAsync("mount/first", "1"), await Client.DigestAsync("mount/second", "1"));
    }

    [Fact]
    public async Task Docker_pulls_the_image_for_the_architecture_it_asks_for_from_an_index()
    {
        var image = $"{Client.Address}/many/app:1";
        var layout = OciLayout.WriteIndex(Client.NewPath("layout"), "many", "amd64", "arm64");
        await Client.RunAsync(Client.Tools.Crane, "push", layout.Folder, image);
        foreach (var architecture in new[] { "arm64", "amd64" })
        {
            await Docker.RunAsync("pull", "--platform", $"linux/{architecture}", image);
            var got = await Docker.RunAsync("image", "inspect", "--format", "{{.Architecture}}", image);
            Assert.Contains(architecture, got, StringComparison.Ordinal);
            await Docker.RunAsync("image", "rm", image);
        }
    }

    [Fact]
    public async Task Docker_says_that_a_deleted_image_is_not_there()
    {
        var image = $"{Client.Address}/deleted/app:1";
        await BuildAsync(image, "deleted");
        var digest = await Docker.PushAsync(image);
        await Client.RunAsync("curl", "-sS", "--fail-with-body", "-X", "DELETE",
            $"http://{Client.Address}/v2/deleted/app/manifests/{digest}");

        var pull = await Docker.TryRunAsync("pull", image);
        Assert.NotEqual(0, pull.ExitCode);
        Assert.Contains("not found", pull.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_commands_of_getting_started_work_as_they_stand()
    {
        var block = Assert.Single(
            SourceTree.Files.Single(file => file.Path == "docs/getting-started.md").BlocksOf("sh"),
            block => block.StartsWith("docker build", StringComparison.Ordinal));
        var context = Directory.CreateDirectory(Client.NewPath("context")).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n",
            TestContext.Current.CancellationToken);
        foreach (var line in block.Replace("localhost:5000", Client.Address).Split('\n'))
            await Docker.RunAsync(line.Split(' ')[1..].Select(word => word == "." ? context : word));
        Assert.NotNull(await Client.DigestAsync("team/app", "1.0"));
    }

    private protected Task BuildAsync(string image, string words) =>
        Docker.RunAsync("buildx", "build", "--network=none", "--load", "--tag", image, Docker.WriteContext(words));
}

/// <summary>Docker 26, docker's own store.</summary>
public sealed class OldDockerTests(OldDockerFixture fixture) : DockerTests(fixture), IClassFixture<OldDockerFixture>;

/// <summary>Docker 28 or later, docker's own store.</summary>
public sealed class ClassicDockerTests(ClassicDockerFixture fixture)
    : DockerTests(fixture), IClassFixture<ClassicDockerFixture>;

/// <summary>Docker 28 or later, containerd's store, which can hold indexes and attestations.</summary>
public sealed class ContainerdDockerTests(ContainerdDockerFixture fixture)
    : DockerTests(fixture), IClassFixture<ContainerdDockerFixture>
{
    [Fact]
    public async Task BuildKit_pushes_an_image_with_its_provenance()
    {
        var image = $"{Client.Address}/attested/app:1";
        await Docker.RunAsync(
            "buildx", "build", "--network=none", "--provenance=mode=max", "--push", "--tag", image,
            Docker.WriteContext("attested"));

        var index = await Docker.RunAsync("buildx", "imagetools", "inspect", "--raw", image);
        Assert.Contains("attestation-manifest", index, StringComparison.Ordinal);
        var provenance = await Docker.RunAsync(
            "buildx", "imagetools", "inspect", "--format", "{{json .Provenance}}", image);
        Assert.Contains("buildType", provenance, StringComparison.Ordinal);

        await Docker.RunAsync("image", "rm", image);
        Assert.Equal(await Client.DigestAsync("attested/app", "1"), await Docker.PullAsync(image));
        Assert.Equal("attested", await Docker.RunAsync("run", "--rm", "--network=none", image));
    }

    [Fact]
    public async Task BuildKit_pushes_an_index_of_two_architectures()
    {
        var image = $"{Client.Address}/two/app:1";
        var metadata = Client.NewPath("metadata");
        await Docker.RunAsync(
            "buildx", "build", "--platform=linux/amd64,linux/arm64", "--push", "--tag", image,
            "--metadata-file", metadata, "--target=copied", Docker.WriteContext("two"));

        var built = JsonNode.Parse(await File.ReadAllTextAsync(metadata, TestContext.Current.CancellationToken));
        var digest = await Client.DigestAsync("two/app", "1");
        Assert.Equal((string?)built?["containerimage.digest"], digest);
        foreach (var architecture in new[] { "amd64", "arm64" })
        {
            var config = await Client.RunAsync(
                Client.Tools.Crane, "config", "--platform", $"linux/{architecture}", image);
            Assert.Equal(architecture, (string?)JsonNode.Parse(config)?["architecture"]);
        }
    }
}
