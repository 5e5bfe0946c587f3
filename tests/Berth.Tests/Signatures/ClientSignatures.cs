using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;
using Berth.Tests.Clients;

namespace Berth.Tests.Signatures;

/// <summary>A manifest that a client pushed as a signature, with its only layer.</summary>
internal sealed record ClientSignature(JsonObject Manifest, byte[] Content)
{
    public JsonObject Layer => Manifest["layers"]![0]!.AsObject();

    public string MediaType => (string)Layer["mediaType"]!;

    public SignatureLayer Read() => new(
        MediaType,
        Layer["annotations"]?.AsObject().ToDictionary(one => one.Key, one => (string)one.Value!) ?? [],
        Content);
}

/// <summary>Reads signatures from a registry, and pushes changed ones.</summary>
internal sealed class ClientSignatures(ClientFixture client)
{
    public async Task<SignedImage> ImageAsync(string repository, string digest)
    {
        var manifest = await GetAsync($"v2/{repository}/manifests/{digest}");
        return new SignedImage(
            Digest.Parse(digest), MediaTypes.OciManifest, manifest.Length, $"{client.Address}/{repository}");
    }

    /// <summary>Finds what refers to an image, whether by its subject or by a tag.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="digest">The image.</param>
    /// <param name="ending">Of the tag that cosign 2 uses.</param>
    public async Task<ClientSignature> FindAsync(string repository, string digest, string ending)
    {
        var referrers = await JsonAsync($"v2/{repository}/referrers/{digest}");
        var reference = (string?)referrers["manifests"]!.AsArray().SingleOrDefault()?["digest"]
            ?? TagOf(digest, ending);
        var manifest = await JsonAsync($"v2/{repository}/manifests/{reference}");
        return new ClientSignature(
            manifest, await GetAsync($"v2/{repository}/blobs/{(string)manifest["layers"]![0]!["digest"]!}"));
    }

    /// <summary>Pushes a signature for an image, whatever it is about.</summary>
    public async Task AttachAsync(string repository, SignedImage image, ClientSignature signature, string ending)
    {
        var manifest = signature.Manifest.DeepClone().AsObject();
        var layer = manifest["layers"]![0]!;
        layer["digest"] = await PushAsync(repository, signature.Content);
        layer["size"] = signature.Content.Length;
        if (manifest["subject"] is { } subject)
        {
            subject["digest"] = image.Digest.Text;
            subject["size"] = image.SizeBytes;
        }

        // The config of an artifact is empty, and that of cosign 2 is not read.
        manifest["config"]!["digest"] = await PushAsync(repository, "{}"u8.ToArray());
        manifest["config"]!["size"] = 2;
        var bytes = Encoding.UTF8.GetBytes(manifest.ToJsonString());
        var reference = manifest["subject"] is null
            ? TagOf(image.Digest.Text, ending) : Digest.Of(DigestAlgorithm.Sha256, bytes).Text;
        using var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OciManifest);
        using var answer = await client.Client.PutAsync(
            $"v2/{repository}/manifests/{reference}", content, TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    private static string TagOf(string digest, string ending) => digest.Replace(':', '-') + ending;

    private async Task<string> PushAsync(string repository, byte[] blob)
    {
        var digest = Digest.Of(DigestAlgorithm.Sha256, blob).Text;
        using var content = new ByteArrayContent(blob);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var answer = await client.Client.PostAsync(
            $"v2/{repository}/blobs/uploads/?digest={digest}", content, TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
        return digest;
    }

    private async Task<JsonObject> JsonAsync(string path) => JsonNode.Parse(await GetAsync(path))!.AsObject();

    private async Task<byte[]> GetAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd(MediaTypes.OciManifest);
        request.Headers.Accept.ParseAdd("*/*");
        using var answer = await client.Client.SendAsync(request, TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
    }
}
