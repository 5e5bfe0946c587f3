namespace Berth.Tests.Clients;

/// <summary>containerd's own client, in an old and a new version: they push in different ways.</summary>
public sealed class ContainerdTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task Ctr_pushes_an_image_pulls_it_back_and_runs_it(string suite)
    {
        await using var containerd = await Containerd.StartAsync(client, suite);
        var layout = OciLayout.Write(client.NewPath("layout"), $"{suite} was here");
        var image = $"{client.Address}/ctr/{suite}:1";
        await containerd.ImportAsync(layout, image);
        await containerd.RunAsync("images", "push", "--plain-http", image);
        Assert.Equal(layout.Digest, await client.DigestAsync($"ctr/{suite}", "1"));

        await containerd.RunAsync("images", "rm", "--sync", image);
        await containerd.RunAsync("images", "pull", "--plain-http", image);
        Assert.Contains(layout.Digest, await containerd.RunAsync("images", "ls"), StringComparison.Ordinal);
        var said = await containerd.RunAsync("run", "--rm", image, $"speaks-{suite}");
        Assert.Equal($"{suite} was here", said);
    }

    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task Ctr_pushes_an_index_of_two_architectures_and_pulls_it_back(string suite)
    {
        await using var containerd = await Containerd.StartAsync(client, suite);
        var layout = OciLayout.WriteIndex(client.NewPath("layout"), $"{suite} twice", "amd64", "arm64");
        var image = $"{client.Address}/ctr/{suite}-index:1";
        await containerd.ImportAsync(layout, image, "--all-platforms");
        await containerd.RunAsync("images", "push", "--plain-http", image);
        Assert.Equal(layout.Digest, await client.DigestAsync($"ctr/{suite}-index", "1"));

        await containerd.RunAsync("images", "rm", "--sync", image);
        await containerd.RunAsync("images", "pull", "--plain-http", "--all-platforms", image);
        Assert.Contains(layout.Digest, await containerd.RunAsync("images", "ls"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task Ctr_mounts_what_it_has_pulled_from_another_repository(string suite)
    {
        await using var containerd = await Containerd.StartAsync(client, suite);
        await using var proxy = await RecordingProxy.StartAsync(client.Berth.BaseAddress);
        var layout = OciLayout.Write(client.NewPath("layout"), $"{suite} mounts");
        var (first, second) = ($"{proxy.Address}/ctr/{suite}-first:1", $"{proxy.Address}/ctr/{suite}-second:1");
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, first);

        await containerd.RunAsync("images", "pull", "--plain-http", first);
        await containerd.RunAsync("images", "tag", first, second);
        await containerd.RunAsync("images", "push", "--plain-http", second);
        Assert.Equal(layout.Digest, await client.DigestAsync($"ctr/{suite}-second", "1"));
        Assert.All(layout.Layers, layer => proxy.AssertMounted($"ctr/{suite}-second", $"ctr/{suite}-first", layer));
    }
}
