using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>oras: artifacts, referrers, and copies with them.</summary>
public sealed class OrasTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    [Fact]
    public async Task Oras_pushes_files_and_pulls_the_same_ones_back()
    {
        var stop = TestContext.Current.CancellationToken;
        await File.WriteAllTextAsync(Path.Combine(client.Folder, "notes.txt"), "some notes", stop);
        await File.WriteAllTextAsync(Path.Combine(client.Folder, "empty.txt"), "", stop);
        var artifact = $"{client.Address}/oras/files:1";
        await OrasAsync(
            "push", "--plain-http", "--artifact-type=application/x.berth.notes", artifact,
            "notes.txt:text/plain", "empty.txt:text/plain");
        Assert.Equal(await client.DigestAsync("oras/files", "1"), await OrasAsync("resolve", "--plain-http", artifact));

        var back = client.NewPath("back");
        await OrasAsync("pull", "--plain-http", "--output", back, artifact);
        Assert.Equal("some notes", await File.ReadAllTextAsync(Path.Combine(back, "notes.txt"), stop));
        Assert.Equal(0, new FileInfo(Path.Combine(back, "empty.txt")).Length);
    }

    [Fact]
    public async Task Oras_copies_an_index_from_a_layout_and_back()
    {
        var layout = OciLayout.WriteIndex(client.NewPath("layout"), "oras index", "amd64", "arm64");
        var (image, back) = ($"{client.Address}/oras/index:1", client.NewPath("back"));
        await OrasAsync("cp", "--from-oci-layout", $"{layout.Folder}:1", "--to-plain-http", image);
        Assert.Equal(layout.Digest, await client.DigestAsync("oras/index", "1"));

        await OrasAsync("cp", "--from-plain-http", image, "--to-oci-layout", $"{back}:1");
        Assert.Equal(layout.Digest, await OrasAsync("resolve", "--oci-layout", $"{back}:1"));
    }

    [Fact]
    public async Task Oras_copies_an_image_to_another_repository_with_what_is_attached_to_it()
    {
        await using var proxy = await RecordingProxy.StartAsync(client.Berth.BaseAddress);
        var layout = OciLayout.Write(client.NewPath("layout"), "oras mounts");
        var (first, second) = ($"{proxy.Address}/oras/first:1", $"{proxy.Address}/oras/second:1");
        await OrasAsync("cp", "--from-oci-layout", $"{layout.Folder}:1", "--to-plain-http", first);
        await File.WriteAllTextAsync(
            Path.Combine(client.Folder, "review.txt"), "looks good", TestContext.Current.CancellationToken);
        await OrasAsync(
            "attach", "--plain-http", "--artifact-type=application/x.berth.review", first, "review.txt:text/plain");
        await OrasAsync("cp", "-r", "--from-plain-http", "--to-plain-http", first, second);

        Assert.Equal(layout.Digest, await client.DigestAsync("oras/second", "1"));
        Assert.All(layout.Layers, layer => proxy.AssertMounted("oras/second", "oras/first", layer));
        Assert.Equal(["application/x.berth.review"], await AttachedAsync($"{client.Address}/oras/second:1"));
    }

    [Fact]
    public async Task Oras_lists_repositories_and_tags_and_deletes_a_manifest()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "oras deletes");
        var image = $"{client.Address}/oras/deleted";
        await OrasAsync("cp", "--from-oci-layout", $"{layout.Folder}:1", "--to-plain-http", $"{image}:1,2");
        Assert.Contains("oras/deleted", (await OrasAsync("repo", "ls", "--plain-http", client.Address)).Split('\n'));
        Assert.Equal(["1", "2"], (await OrasAsync("repo", "tags", "--plain-http", image)).Split('\n'));

        await OrasAsync("manifest", "delete", "--plain-http", "--force", $"{image}:1");
        Assert.Null(await client.DigestAsync("oras/deleted", layout.Digest));
    }

    private Task<string> OrasAsync(params IEnumerable<string> arguments) =>
        client.RunAsync(client.Tools.Oras, arguments);

    private async Task<IEnumerable<string?>> AttachedAsync(string image)
    {
        var found = JsonNode.Parse(await OrasAsync("discover", "--plain-http", "--format=json", image));
        return found!["manifests"]!.AsArray().Select(referrer => (string?)referrer?["artifactType"]);
    }
}
