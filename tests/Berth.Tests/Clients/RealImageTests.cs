using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>Images as people have them: a distribution, many layers, a huge layer, an empty one, and signed.</summary>
[Slow]
public sealed class RealImageTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    private const string LayerType = "application/vnd.oci.image.layer.v1.tar";

    [Fact]
    [Trait("speed", "slow")]
    public async Task A_Debian_root_file_system_is_pushed_pulled_and_run()
    {
        var image = $"{client.Address}/real/debian:bookworm";
        await CraneAsync("append", "--new_layer", client.Tools.DebianArchive, "--new_tag", image);
        await CraneAsync("mutate", "--set-platform=linux/amd64", "--tag", image, image);
        await using var docker = await DockerDaemon.StartAsync(client, "sid", containerdStore: false);

        Assert.Equal(await client.DigestAsync("real/debian", "bookworm"), await docker.PullAsync(image));
        var version = await docker.RunAsync("run", "--rm", "--network=none", image, "cat", "/etc/debian_version");
        Assert.StartsWith("12", version, StringComparison.Ordinal);

        var copy = $"{client.Address}/real/debian-copy:1";
        await docker.RunAsync("tag", image, copy);
        Assert.Equal(await docker.PushAsync(copy), await client.DigestAsync("real/debian-copy", "1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_image_with_50_layers_is_pulled_run_and_pushed(bool containerdStore)
    {
        var store = containerdStore ? "containerd" : "classic";
        var layout = OciLayout.Write(client.NewPath("layout"), $"fifty {store}", layers: 50);
        var image = $"{client.Address}/real/fifty-{store}:1";
        await client.RunAsync(
            "skopeo", "copy", "--dest-tls-verify=false", $"oci:{layout.Folder}:1", $"docker://{image}");
        await using var docker = await DockerDaemon.StartAsync(client, "sid", containerdStore);

        Assert.Equal(layout.Digest, await docker.PullAsync(image));
        Assert.Equal($"fifty {store}", await docker.RunAsync("run", "--rm", "--network=none", image));
        await docker.RunAsync("tag", image, $"{client.Address}/real/fifty-{store}-copy:1");
        var pushed = await docker.PushAsync($"{client.Address}/real/fifty-{store}-copy:1");
        var manifest = JsonNode.Parse(
            await CraneAsync("manifest", $"{client.Address}/real/fifty-{store}-copy@{pushed}"));
        Assert.Equal(50, manifest!["layers"]!.AsArray().Count);
    }

    [Fact]
    [Trait("speed", "slow")]
    public async Task A_layer_of_more_than_2_GiB_goes_in_and_out_whole_and_does_not_fill_the_memory()
    {
        const long bytes = (2L << 30) + 12345;
        var digest = await WriteNoiseAsync(Path.Combine(client.Folder, "huge.tar"), bytes);
        var artifact = $"{client.Address}/real/huge:1";
        await client.RunAsync(client.Tools.Oras, "push", "--plain-http", artifact, $"huge.tar:{LayerType}");
        File.Delete(Path.Combine(client.Folder, "huge.tar"));

        var manifest = JsonNode.Parse(await CraneAsync("manifest", artifact));
        Assert.Equal(bytes, (long)manifest!["layers"]![0]!["size"]!);
        await using (var back = await client.Client.GetStreamAsync(
            $"v2/real/huge/blobs/{digest}", TestContext.Current.CancellationToken))
        {
            var hash = await SHA256.HashDataAsync(back, TestContext.Current.CancellationToken);
            Assert.Equal(digest, "sha256:" + Convert.ToHexStringLower(hash));
        }

        Assert.InRange(PeakMemoryBytes(), 0, 512L << 20);
    }

    [Fact]
    public async Task An_image_with_an_empty_layer_keeps_it()
    {
        var layout = OciLayout.WriteLayer(client.NewPath("layout"), LayerType, []);
        var image = $"{client.Address}/real/empty:1";
        await CraneAsync("push", layout.Folder, image);
        Assert.Equal(layout.Digest, await client.DigestAsync("real/empty", "1"));

        var back = client.NewPath("back");
        await client.RunAsync(
            client.Tools.Oras, "cp", "--from-plain-http", image, "--to-oci-layout", $"{back}:1");
        var empty = Path.Combine(back, "blobs", layout.Layers.Single().Replace(':', '/'));
        Assert.Equal(0, new FileInfo(empty).Length);
    }

    [Fact]
    public async Task An_image_whose_only_layer_is_an_archive_of_nothing_is_pulled_by_docker()
    {
        var archive = client.NewPath("nothing.tar");
        await File.WriteAllBytesAsync(archive, new byte[1024], TestContext.Current.CancellationToken);
        var image = $"{client.Address}/real/nothing:1";
        await CraneAsync("append", "--new_layer", archive, "--new_tag", image);
        await using var docker = await DockerDaemon.StartAsync(client, "sid", containerdStore: true);
        Assert.Equal(await client.DigestAsync("real/nothing", "1"), await docker.PullAsync(image));
    }

    [Fact]
    public async Task An_artifact_a_signature_and_a_list_of_parts_are_found_at_their_image()
    {
        var layout = OciLayout.Write(client.NewPath("layout"), "attached to");
        var image = $"{client.Address}/real/attached@{layout.Digest}";
        await CraneAsync("push", layout.Folder, $"{client.Address}/real/attached:1");
        await AttachAsync(image, "application/x.berth.review", "review.txt", "looks good", "text/plain");
        await AttachAsync(
            image, "application/spdx+json", "parts.json", """{"spdxVersion":"SPDX-2.3"}""", "application/spdx+json");
        var (cosign, key) = (client.Tools.Cosign("sid"), client.NewPath("key"));
        await client.RunAsync(cosign, "generate-key-pair", "--output-key-prefix", key);
        await client.RunAsync(
            cosign, "sign", "--key", $"{key}.key", "--tlog-upload=false", "--use-signing-config=false",
            "--allow-http-registry", "--yes", image);

        var found = JsonNode.Parse(await client.RunAsync(
            client.Tools.Oras, "discover", "--plain-http", "--format=json", image));
        Assert.Equal(
            ["application/spdx+json", "application/vnd.dev.sigstore.bundle.v0.3+json", "application/x.berth.review"],
            found!["manifests"]!.AsArray().Select(referrer => (string)referrer!["artifactType"]!).Order());
        var parts = JsonNode.Parse(await client.RunAsync(
            client.Tools.Oras, "discover", "--plain-http", "--format=json",
            "--artifact-type=application/spdx+json", image));
        var digest = (string)parts!["manifests"]!.AsArray().Single()!["digest"]!;
        var back = client.NewPath("back");
        await client.RunAsync(
            client.Tools.Oras, "pull", "--plain-http", "--output", back, $"{client.Address}/real/attached@{digest}");
        Assert.Contains("SPDX-2.3", await client.RunAsync("cat", $"{back}/parts.json"), StringComparison.Ordinal);
    }

    // Bytes that no compression, anywhere on the way, makes fewer.
    private static async Task<string> WriteNoiseAsync(string path, long bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = File.Create(path);
        var block = RandomNumberGenerator.GetBytes(1 << 20);
        for (var (left, number) = (bytes, 0); left > 0; left -= block.Length, number++)
        {
            BitConverter.TryWriteBytes(block, number);
            var part = block.AsMemory(0, (int)Math.Min(left, block.Length));
            hash.AppendData(part.Span);
            await file.WriteAsync(part);
        }

        return "sha256:" + Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private Task<string> CraneAsync(params IEnumerable<string> arguments) =>
        client.RunAsync(client.Tools.Crane, arguments);

    private async Task AttachAsync(string image, string artifactType, string name, string content, string mediaType)
    {
        await File.WriteAllTextAsync(Path.Combine(client.Folder, name), content);
        await client.RunAsync(
            client.Tools.Oras, "attach", "--plain-http", "--artifact-type", artifactType, image, $"{name}:{mediaType}");
    }

    private long PeakMemoryBytes()
    {
        var peak = File.ReadLines($"/proc/{client.Berth.ProcessId}/status")
            .Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        var kibibytes = peak.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return 1024 * long.Parse(kibibytes, CultureInfo.InvariantCulture);
    }
}
