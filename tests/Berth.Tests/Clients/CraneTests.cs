namespace Berth.Tests.Clients;

/// <summary>crane, and with it what ko, kaniko and cosign are built on.</summary>
public sealed class CraneTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    [Fact]
    public async Task Crane_pushes_an_image_and_pulls_the_same_one_back()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "crane");
        var image = $"{client.Address}/crane/app:1";
        await CraneAsync("push", layout.Folder, image);
        Assert.Equal(layout.Digest, await CraneAsync("digest", image));
        await CraneAsync("validate", "--remote", image);

        var back = client.NewPath("back");
        await CraneAsync("pull", "--format=oci", image, back);
        Assert.Equal(layout.Digest, OciLayout.DigestIn(back));
    }

    [Fact]
    public async Task Crane_pushes_an_index_and_each_architecture_is_found_in_it()
    {
        var layout = OciLayout.WriteIndex(client.NewPath("layout"), "crane index", "amd64", "arm64", "s390x");
        var image = $"{client.Address}/crane/index:1";
        await CraneAsync("push", layout.Folder, image);
        Assert.Equal(layout.Digest, await client.DigestAsync("crane/index", "1"));
        foreach (var architecture in new[] { "amd64", "arm64", "s390x" })
        {
            var config = await CraneAsync("config", "--platform", $"linux/{architecture}", image);
            Assert.Contains($"\"architecture\":\"{architecture}\"", config, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Crane_copies_to_another_repository_by_mounting()
    {
        await using var proxy = await RecordingProxy.StartAsync(client.Berth.BaseAddress);
        var layout = OciLayout.Write(client.NewPath("layout"), "crane mounts");
        await CraneAsync("push", layout.Folder, $"{proxy.Address}/crane/first:1");
        await CraneAsync("copy", $"{proxy.Address}/crane/first:1", $"{proxy.Address}/crane/second:1");

        Assert.Equal(layout.Digest, await client.DigestAsync("crane/second", "1"));
        Assert.All(layout.Layers, layer => proxy.AssertMounted("crane/second", "crane/first", layer));
    }

    [Fact]
    public async Task Crane_lists_tags_and_repositories()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "crane lists");
        var image = $"{client.Address}/crane/listed";
        await CraneAsync("push", layout.Folder, $"{image}:1");
        await CraneAsync("tag", $"{image}:1", "2.0");

        Assert.Equal(["1", "2.0"], (await CraneAsync("ls", image)).Split('\n'));
        Assert.Contains("crane/listed", (await CraneAsync("catalog", client.Address)).Split('\n'));
    }

    [Fact]
    public async Task Crane_deletes_a_manifest()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "crane deletes");
        var image = $"{client.Address}/crane/deleted";
        await CraneAsync("push", layout.Folder, $"{image}:1");
        await CraneAsync("delete", $"{image}@{layout.Digest}");

        Assert.Null(await client.DigestAsync("crane/deleted", layout.Digest));
        Assert.Null(await client.DigestAsync("crane/deleted", "1"));
    }

    private Task<string> CraneAsync(params IEnumerable<string> arguments) =>
        client.RunAsync(client.Tools.Crane, arguments);
}
