using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>skopeo, and umoci for what it changes in a layout.</summary>
public sealed class SkopeoTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    [Fact]
    public async Task Skopeo_copies_an_image_in_and_out_with_the_same_digest()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "skopeo");
        var image = Remote("skopeo/app:1");
        await CopyInAsync(layout, image);
        Assert.Equal(layout.Digest, await client.DigestAsync("skopeo/app", "1"));
        Assert.Equal(layout.Digest, await InspectAsync(image, "{{.Digest}}"));

        var back = client.NewPath("back");
        await client.RunAsync("skopeo", "copy", "--src-tls-verify=false", image, $"oci:{back}:1");
        Assert.Equal(layout.Digest, OciLayout.DigestIn(back));
    }

    [Fact]
    public async Task Skopeo_copies_an_index_in_and_out_with_the_same_digest()
    {
        var layout = OciLayout.WriteIndex(client.NewPath("layout"), "skopeo index", "amd64", "arm64");
        var image = Remote("skopeo/index:1");
        await CopyInAsync(layout, image, "--all");
        Assert.Equal(layout.Digest, await client.DigestAsync("skopeo/index", "1"));

        var back = client.NewPath("back");
        await client.RunAsync("skopeo", "copy", "--all", "--src-tls-verify=false", image, $"oci:{back}:1");
        Assert.Equal(layout.Digest, OciLayout.DigestIn(back));
    }

    [Fact]
    public async Task Skopeo_pushes_in_Dockers_own_format()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "skopeo v2s2");
        var image = Remote("skopeo/v2s2:1");
        await CopyInAsync(layout, image, "--format=v2s2");
        var manifest = await client.RunAsync("skopeo", "inspect", "--raw", "--tls-verify=false", image);
        Assert.Equal(
            "application/vnd.docker.distribution.manifest.v2+json", (string?)JsonNode.Parse(manifest)?["mediaType"]);
        Assert.Equal(await client.DigestAsync("skopeo/v2s2", "1"), await InspectAsync(image, "{{.Digest}}"));
    }

    [Fact]
    public async Task Skopeo_copies_to_another_repository_by_mounting()
    {
        await using var proxy = await RecordingProxy.StartAsync(client.Berth.BaseAddress);
        var layout = OciLayout.Write(client.NewPath("layout"), "skopeo mounts");
        await CopyInAsync(layout, $"docker://{proxy.Address}/skopeo/first:1");
        await client.RunAsync(
            "skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
            $"docker://{proxy.Address}/skopeo/first:1", $"docker://{proxy.Address}/skopeo/second:1");

        Assert.Equal(layout.Digest, await client.DigestAsync("skopeo/second", "1"));
        Assert.All(layout.Layers, layer => proxy.AssertMounted("skopeo/second", "skopeo/first", layer));
    }

    [Fact]
    public async Task Skopeo_lists_tags_and_deletes_an_image()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "skopeo deletes");
        await CopyInAsync(layout, Remote("skopeo/deleted:1"));
        var list = await client.RunAsync("skopeo", "list-tags", "--tls-verify=false", Remote("skopeo/deleted"));
        Assert.Equal("1", (string?)JsonNode.Parse(list)?["Tags"]?.AsArray().Single());

        await client.RunAsync("skopeo", "delete", "--tls-verify=false", Remote("skopeo/deleted:1"));
        Assert.Null(await client.DigestAsync("skopeo/deleted", "1"));
        Assert.Null(await client.DigestAsync("skopeo/deleted", layout.Digest));
    }

    [Fact]
    public async Task An_image_that_umoci_has_changed_goes_in_and_out_with_the_same_digest()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "umoci");
        var (bundle, added) = (client.NewPath("bundle"), client.NewPath("added"));
        await File.WriteAllTextAsync(added, "added by umoci", TestContext.Current.CancellationToken);
        await client.RunAsync("umoci", "unpack", "--image", $"{layout.Folder}:1", bundle);
        await client.RunAsync("umoci", "insert", "--image", $"{layout.Folder}:1", "--tag=2", added, "/added");
        await client.RunAsync("umoci", "rm", "--image", $"{layout.Folder}:1");
        var changed = OciLayout.DigestIn(layout.Folder);
        await client.RunAsync(
            "skopeo", "copy", "--dest-tls-verify=false", $"oci:{layout.Folder}:2", Remote("umoci/app:2"));
        Assert.Equal(changed, await client.DigestAsync("umoci/app", "2"));

        var (back, again) = (client.NewPath("back"), client.NewPath("again"));
        await client.RunAsync("skopeo", "copy", "--src-tls-verify=false", Remote("umoci/app:2"), $"oci:{back}:2");
        await client.RunAsync("umoci", "unpack", "--image", $"{back}:2", again);
        Assert.Equal("added by umoci", await client.RunAsync("cat", $"{again}/rootfs/added"));
    }

    private string Remote(string name) => $"docker://{client.Address}/{name}";

    private Task<string> CopyInAsync(OciLayout layout, string image, params IEnumerable<string> options) =>
        client.RunAsync("skopeo", ["copy", "--dest-tls-verify=false", .. options, $"oci:{layout.Folder}:1", image]);

    private Task<string> InspectAsync(string image, string format) =>
        client.RunAsync("skopeo", "inspect", "--tls-verify=false", "--format", format, image);
}
