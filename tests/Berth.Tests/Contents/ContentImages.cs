using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Oci;
using Berth.Tests.Lifecycle;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Contents;

/// <summary>Pushes images with real layers, and looks into them as a user.</summary>
internal sealed class ContentImages(RegistryFixture registry, string user = "admin")
{
    public const string LayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const string IndexType = "application/vnd.oci.image.index.v1+json";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static string DigestOf(byte[] bytes) => Digest.Of(DigestAlgorithm.Sha256, bytes).Text;

    public Task<string> PushAsync(string repository, string tag, params byte[][] layers) =>
        PushAsync(repository, tag, "{}", [.. layers.Select(layer => (layer, LayerType))]);

    /// <summary>Pushes an image; returns its digest.</summary>
    public async Task<string> PushAsync(
        string repository, string? tag, string config, params (byte[] Bytes, string Type)[] layers)
    {
        var configBytes = Encoding.UTF8.GetBytes(config);
        foreach (var blob in layers.Select(layer => layer.Bytes).Append(configBytes))
            await SendAsync("POST", $"/v2/{repository}/blobs/uploads/?digest={DigestOf(blob)}", blob, null, 201);
        var described = string.Join(',', layers.Select(layer => Describe(layer.Type, layer.Bytes)));
        return await PushManifestAsync(repository, tag, ManifestType, $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}",
            "config":{{Describe("application/vnd.oci.image.config.v1+json", configBytes)}},"layers":[{{described}}]}
            """);
    }

    /// <summary>Pushes an index of images for platforms.</summary>
    public Task<string> PushIndexAsync(
        string repository, string tag, params (string Digest, string Platform)[] images) => PushManifestAsync(
            repository, tag, IndexType, $$"""
            {"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[{{string.Join(',', images.Select(image =>
                $$"""
                {"mediaType":"{{ManifestType}}","digest":"{{image.Digest}}","size":2,"platform":{{image.Platform}}}
                """))}}]}
            """);

    public async Task<string> PushManifestAsync(string repository, string? tag, string type, string manifest)
    {
        var digest = DigestOf(Encoding.UTF8.GetBytes(manifest));
        await SendAsync(
            "PUT", $"/v2/{repository}/manifests/{tag ?? digest}", Encoding.UTF8.GetBytes(manifest), type, 201);
        return digest;
    }

    /// <summary>Searches for files; also returns the query that goes on.</summary>
    public async Task<(JsonElement Found, string? Next)> FindFilesAsync(string query)
    {
        using var answer = await SendAsync("GET", "/api/v1/search/files?" + query, null, null, 200);
        var found = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;
        return (found, answer.Headers.TryGetValues("Link", out var links)
            ? links.Single().Split('<', '>')[1].Split("/api/v1/")[1] : null);
    }

    /// <summary>Asks about an image.</summary>
    public async Task<JsonElement> AskAsync(string path, int status = 200)
    {
        using var answer = await SendAsync("GET", "/api/v1/images/" + path, null, null, status);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;
    }

    /// <summary>The same once no layer waits any more.</summary>
    public async Task<JsonElement> SeeAsync(string path)
    {
        JsonElement seen = default;
        await Eventually.TrueAsync(async () =>
        {
            seen = await AskAsync(path);
            var layers = seen.TryGetProperty("from", out var from)
                ? from.GetProperty("layers").EnumerateArray().Concat(
                    seen.GetProperty("to").GetProperty("layers").EnumerateArray())
                : seen.GetProperty("layers").EnumerateArray();
            return layers.All(layer => layer.Of("state") != "waiting");
        });
        return seen;
    }

    public async Task<HttpResponseMessage> SendAsync(
        string method, string path, byte[]? body, string? type, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation(
            "Authorization", Basic(user, user == "admin" ? AdminPassword : ImagePusher.Password));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type ?? "application/octet-stream");
        }

        var response = await registry.Client.SendAsync(request, Stop);
        var text = (int)response.StatusCode == status ? "" : await response.Content.ReadAsStringAsync(Stop);
        Assert.True((int)response.StatusCode == status, $"{method} {path} as {user}: {response.StatusCode} {text}");
        return response;
    }

    public static string Describe(string type, byte[] blob) =>
        $$"""{"mediaType":"{{type}}","digest":"{{DigestOf(blob)}}","size":{{blob.Length}} }""";
}
