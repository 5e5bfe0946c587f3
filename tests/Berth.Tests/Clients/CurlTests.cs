using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>curl, by hand: what a shell script does.</summary>
public sealed class CurlTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    [Fact]
    public async Task A_blob_uploaded_in_chunks_with_curl_is_served_whole_and_in_parts()
    {
        var (file, digest) = await WriteBlobAsync(3_000_000);
        var stop = TestContext.Current.CancellationToken;
        var bytes = await File.ReadAllBytesAsync(file, stop);
        var location = await StartUploadAsync("curl/chunks");
        for (var start = 0; start < bytes.Length; start += 1_000_000)
        {
            var chunk = client.NewPath("chunk");
            await File.WriteAllBytesAsync(chunk, bytes[start..(start + 1_000_000)], stop);
            location = await LocationAsync(
                "-X", "PATCH", "-H", $"Content-Range: {start}-{start + 999_999}",
                "-H", "Content-Type: application/octet-stream", "--data-binary", $"@{chunk}", location);
        }

        await CurlAsync("-X", "PUT", WithDigest(location, digest));
        var back = client.NewPath("back");
        await CurlAsync("-o", back, Url($"curl/chunks/blobs/{digest}"));
        Assert.Equal(digest, await HashAsync(back));
        await CurlAsync("-o", back, "-r", "1500000-1500099", Url($"curl/chunks/blobs/{digest}"));
        Assert.Equal(bytes[1_500_000..1_500_100], await File.ReadAllBytesAsync(back, stop));
    }

    [Fact]
    public async Task An_image_assembled_with_curl_is_pulled_by_another_client()
    {
        var (layer, layerDigest) = await WriteBlobAsync(1000);
        var config = client.NewPath("config");
        await File.WriteAllTextAsync(config, """
            {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}
            """, TestContext.Current.CancellationToken);
        var manifest = client.NewPath("manifest");
        await File.WriteAllTextAsync(manifest, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = await UploadAsync("curl/app", config, "application/vnd.oci.image.config.v1+json"),
            ["layers"] = new JsonArray(await UploadAsync("curl/app", layer, "application/x.berth.bytes")),
        }.ToJsonString(), TestContext.Current.CancellationToken);
        await CurlAsync(
            "-X", "PUT", "-H", $"Content-Type: {ManifestType}", "--data-binary", $"@{manifest}",
            Url("curl/app/manifests/1"));

        var pulled = await client.RunAsync(client.Tools.Crane, "digest", $"{client.Address}/curl/app:1");
        Assert.Equal(await HashAsync(manifest), pulled);
        Assert.True(await client.HasBlobAsync("curl/app", layerDigest));
        await CurlAsync("-X", "DELETE", Url($"curl/app/manifests/{await HashAsync(manifest)}"));
        Assert.Null(await client.DigestAsync("curl/app", "1"));
    }

    [Fact]
    public async Task A_blob_is_mounted_with_curl_and_deleted_from_one_repository_only()
    {
        var (file, digest) = await WriteBlobAsync(5000);
        await UploadAsync("curl/first", file, "application/x.berth.bytes");
        var status = await CurlAsync(
            "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST",
            Url($"curl/second/blobs/uploads/?mount={digest}&from=curl/first"));
        Assert.Equal("201", status);
        Assert.True(await client.HasBlobAsync("curl/second", digest));

        await CurlAsync("-X", "DELETE", Url($"curl/first/blobs/{digest}"));
        Assert.False(await client.HasBlobAsync("curl/first", digest));
        Assert.True(await client.HasBlobAsync("curl/second", digest));
    }

    private string Url(string path) => $"http://{client.Address}/v2/{path}";

    private static string WithDigest(string location, string digest) =>
        $"{location}{(location.Contains('?', StringComparison.Ordinal) ? '&' : '?')}digest={digest}";

    private static async Task<string> HashAsync(string file)
    {
        await using var stream = File.OpenRead(file);
        return "sha256:" + Convert.ToHexStringLower(await SHA256.HashDataAsync(stream));
    }

    private async Task<(string File, string Digest)> WriteBlobAsync(int bytes)
    {
        var file = client.NewPath("blob");
        await File.WriteAllBytesAsync(file, RandomNumberGenerator.GetBytes(bytes));
        return (file, await HashAsync(file));
    }

    private Task<string> CurlAsync(params IEnumerable<string> arguments) =>
        client.RunAsync("curl", ["-sS", "--fail-with-body", .. arguments]);

    // curl resolves a relative Location only when it follows it, so this does what a script has to do.
    private async Task<string> LocationAsync(params IEnumerable<string> arguments)
    {
        var location = await CurlAsync(["-o", "/dev/null", "-w", "%header{location}", .. arguments]);
        return new Uri(client.Berth.BaseAddress, location).AbsoluteUri;
    }

    private Task<string> StartUploadAsync(string repository) =>
        LocationAsync("-X", "POST", Url($"{repository}/blobs/uploads/"));

    private async Task<JsonObject> UploadAsync(string repository, string file, string mediaType)
    {
        var digest = await HashAsync(file);
        await CurlAsync(
            "-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", $"@{file}",
            WithDigest(await StartUploadAsync(repository), digest));
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = digest, ["size"] = new FileInfo(file).Length };
    }
}
