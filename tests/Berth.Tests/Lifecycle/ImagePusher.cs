using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Blobs;
using Berth.Oci;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>Pushes small images as a user, and asks the API about them.</summary>
internal sealed class ImagePusher(RegistryFixture registry, string user)
{
    public const string Config = "{}";

    /// <summary>Of all but the administrator.</summary>
    public const string Password = "correct horse 5";

    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const string IndexType = "application/vnd.oci.image.index.v1+json";

    /// <summary>The user's password, where it is not the usual one.</summary>
    public string Secret { get; init; } = user == "admin" ? AdminPassword : Password;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static string DigestOf(string text) =>
        Digest.Of(DigestAlgorithm.Sha256, Encoding.UTF8.GetBytes(text)).Text;

    /// <summary>Pushes an image with these layers; returns its digest.</summary>
    public Task<string> PushAsync(string repository, string? tag, params string[] layers) =>
        PushAsync(repository, tag, Config, layers);

    /// <summary>Pushes an image without layers, but with this config.</summary>
    public Task<string> PushConfigAsync(string repository, string tag, string config) =>
        PushAsync(repository, tag, config, []);

    private async Task<string> PushAsync(string repository, string? tag, string config, string[] layers)
    {
        foreach (var blob in layers.Append(config))
            await SendAsync("POST", $"/v2/{repository}/blobs/uploads/?digest={DigestOf(blob)}", blob, null, 201);

        // Small blobs get their places in a moment: where the registry is in this process, they have them at once.
        if (!TestEngines.IsProgram)
        {
            await registry.Services.GetRequiredService<IBlobStore>().MakeDurableAsync(
                [.. layers.Append(config).Select(blob => Digest.Parse(DigestOf(blob)))], Stop);
        }

        var descriptors = string.Join(',', layers.Select(layer => Of("application/vnd.oci.image.layer.v1.tar", layer)));
        return await PushManifestAsync(
            repository, tag,
            $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}",
            "config":{{Of("application/vnd.oci.image.config.v1+json", config)}},"layers":[{{descriptors}}]}
            """,
            ManifestType);
    }

    public Task<string> PushIndexAsync(string repository, string tag, params string[] children) => PushManifestAsync(
        repository, tag,
        $$"""
        {"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[{{string.Join(
            ',', children.Select(child => $$"""{"mediaType":"{{ManifestType}}","digest":"{{child}}","size":2} """))}}]}
        """,
        IndexType);

    public Task<string> PushReferrerAsync(string repository, string subject) => PushManifestAsync(
        repository, null,
        $$"""
        {"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[],"artifactType":"application/sbom",
        "subject":{"mediaType":"{{IndexType}}","digest":"{{subject}}","size":2} }
        """,
        IndexType);

    public async Task<string> PushManifestAsync(string repository, string? tag, string manifest, string type)
    {
        var digest = DigestOf(manifest);
        await SendAsync("PUT", $"/v2/{repository}/manifests/{tag ?? digest}", manifest, type, 201);
        return digest;
    }

    public Task IsAsync(string method, string path, int status) => SendAsync(method, path, null, null, status);

    public async Task<string> TextAsync(string path) => (await SendAsync("GET", path, null, null, 200)).Text;

    public async Task<string> DigestOfAsync(string repository, string reference) =>
        DigestOf(await TextAsync($"/v2/{repository}/manifests/{reference}"));

    public async Task<List<string>> TagsAsync(string repository) =>
        [.. JsonDocument.Parse(await TextAsync($"/v2/{repository}/tags/list")).RootElement.GetProperty("tags")
            .EnumerateArray().Select(tag => tag.GetString()!)];

    /// <summary>Asks the REST API.</summary>
    public async Task<JsonElement> ApiAsync(string method, string path, string? body, int status)
    {
        var (text, _) = await SendAsync(method, "/api/v1" + path, body, "application/json", status);
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }

    public async Task<(string Text, HttpResponseHeaders Headers)> SendAsync(
        string method, string path, string? body, string? type, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation(
            "Authorization", Basic(user, Secret));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type ?? "application/octet-stream");
        }

        using var response = await registry.Client.SendAsync(request, Stop);
        var text = await response.Content.ReadAsStringAsync(Stop);
        Assert.True((int)response.StatusCode == status, $"{method} {path} as {user}: {response.StatusCode} {text}");
        return (text, response.Headers);
    }

    private static string Of(string type, string blob) =>
        $$"""{"mediaType":"{{type}}","digest":"{{DigestOf(blob)}}","size":{{Encoding.UTF8.GetByteCount(blob)}} }""";
}

/// <summary>Short ways to look at JSON.</summary>
internal static class JsonFields
{
    /// <summary>A field as text; empty if it is absent.</summary>
    public static string Of(this JsonElement json, string field) =>
        json.TryGetProperty(field, out var value) ? value.ToString() : "";
}
