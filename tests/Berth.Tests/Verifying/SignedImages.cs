using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Signatures;
using Berth.Verifying;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Verifying;

/// <summary>A key of cosign.</summary>
internal sealed class SigningKey
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Pem => key.ExportSubjectPublicKeyInfoPem();

    public byte[] Sign(byte[] content) =>
        key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
}

/// <summary>Pushes images and their signatures as clients do, and asks what came of them.</summary>
/// <param name="api">The registry.</param>
/// <param name="password">The password of its administrator.</param>
internal sealed class SignedImages(ApiRegistry api, string password = ApiRegistry.Password)
{
    private const string BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

    private string Admin => $"admin:{password}";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Pushes an image; returns its digest.</summary>
    public async Task<string> PushAsync(string repository, string tag, string text)
    {
        var layer = await PushBlobAsync(repository, Encoding.UTF8.GetBytes(text));
        return await PushManifestAsync(repository, tag, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Describe("application/vnd.oci.image.config.v1+json", await PushBlobAsync(repository, "{}"u8)),
            ["layers"] = new JsonArray(Describe("application/vnd.example.text", layer)),
        });
    }

    public async Task<string> PushIndexAsync(string repository, string tag, string child) => await PushManifestAsync(
        repository, tag, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray(new JsonObject
            {
                ["mediaType"] = MediaTypes.OciManifest,
                ["digest"] = child,
                ["size"] = 2,
                ["platform"] = new JsonObject { ["os"] = "linux", ["architecture"] = "amd64" },
            }),
        });

    /// <summary>Signs as cosign 2 does, with a tag. Returns the manifest's digest.</summary>
    public Task<string> SignWithTagAsync(string repository, string digest, SigningKey key, string? about = null)
    {
        var payload = KeyTests.Payload();
        payload["critical"]!["image"]!["docker-manifest-digest"] = about ?? digest;
        var bytes = KeyTests.Bytes(payload);
        return AttachWithTagAsync(repository, digest, KeyTests.LayerOf(bytes, key.Sign(bytes)));
    }

    /// <summary>Signs as cosign 3 does, with a bundle that refers to the image; or attests something.</summary>
    public Task<string> SignAsync(
        string repository, string digest, SigningKey key, string? about = null,
        string predicate = "https://sigstore.dev/cosign/sign/v1", JsonNode? content = null)
    {
        var said = LittleBundle.StatementFor(Digest.Parse(about ?? digest));
        said["predicateType"] = predicate;
        if (content is not null) said["predicate"] = content;
        var statement = KeyTests.Bytes(said);
        return AttachAsync(repository, digest, KeyTests.BundleLayer(KeyTests.Bytes(new JsonObject
        {
            ["mediaType"] = BundleType,
            ["verificationMaterial"] = new JsonObject { ["publicKey"] = new JsonObject { ["hint"] = "any" } },
            ["dsseEnvelope"] = LittleBundle.EnvelopeOf(statement, key.Sign(LittleBundle.Encode(statement))),
        })));
    }

    /// <summary>Signs with two keys, whose signatures are of the same payload: only the annotations differ.</summary>
    public async Task<string> SignTwiceWithTagAsync(string repository, string digest, SigningKey first, SigningKey last)
    {
        var payload = KeyTests.Payload();
        payload["critical"]!["image"]!["docker-manifest-digest"] = digest;
        var bytes = KeyTests.Bytes(payload);
        var manifest = await ManifestOfAsync(repository, KeyTests.LayerOf(bytes, first.Sign(bytes)), null);
        var other = await ManifestOfAsync(repository, KeyTests.LayerOf(bytes, last.Sign(bytes)), null);
        manifest["layers"]!.AsArray().Add(other["layers"]![0]!.DeepClone());
        return await PushManifestAsync(repository, digest.Replace(':', '-') + ".sig", manifest);
    }

    public async Task<string> AttachAsync(string repository, string subject, SignatureLayer layer) =>
        await PushManifestAsync(repository, null, await ManifestOfAsync(repository, layer, subject));

    public async Task<string> AttachWithTagAsync(string repository, string subject, SignatureLayer layer) =>
        await PushManifestAsync(
            repository, subject.Replace(':', '-') + ".sig", await ManifestOfAsync(repository, layer, null));

    /// <summary>What is known of an image's signatures, once none waits any more.</summary>
    public async Task<JsonElement> SeeAsync(string repository, string reference, int count = 1)
    {
        JsonElement seen = default;
        await Eventually.TrueAsync(async () =>
        {
            await RunAsync();
            seen = await AskAsync(repository, reference);
            var items = seen.GetProperty("items");
            return items.GetArrayLength() == count
                && items.EnumerateArray().All(one => one.GetProperty("verdict").GetString() != "pending");
        });
        return seen;
    }

    public async Task<JsonElement> AskAsync(string repository, string reference) =>
        (await api.AskAsync(Admin, "GET", $"/images/{reference}/signatures?repository={repository}")).Is(200).Json;

    /// <summary>A page, as an administrator sees it.</summary>
    public async Task<string> PageAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", "text/html");
        request.Headers.TryAddWithoutValidation("Authorization", AccountsOf.Basic("admin", password));
        using var answer = await api.Registry.Client.SendAsync(request, Stop);
        return await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Stop);
    }

    /// <summary>Verifies all that is due.</summary>
    public async Task RunAsync()
    {
        var checking = api.Registry.Services.GetRequiredService<SignatureChecking>();
        await HastenAsync();
        while (await checking.RunNextAsync(Stop))
        {
        }
    }

    /// <summary>Makes due what was verified by another state of what counts.</summary>
    public Task HastenAsync() => api.Registry.Services.GetRequiredService<SignatureChecking>().HastenAsync(Stop);

    public Task TrustAsync(string name, SigningKey key, string? space = null, string who = "admin") =>
        TrustAsync("keys", name, new JsonObject { ["content"] = key.Pem }, space, who);

    public async Task TrustAsync(
        string kind, string name, JsonObject body, string? space = null, string who = "admin") =>
        (await api.AskAsync(
            who == "admin" ? Admin : who, "PUT", PathOf(kind, name, space), body.ToJsonString())).Is(200);

    public async Task DistrustAsync(string kind, string name, string? space = null, string who = "admin") =>
        (await api.AskAsync(who == "admin" ? Admin : who, "DELETE", PathOf(kind, name, space))).Is(204);

    public static string PathOf(string kind, string name, string? space) =>
        $"/trust/{kind}/{name}" + (space is null ? "" : $"?namespace={space}");

    public async Task<string> PushManifestAsync(
        string repository, string? reference, JsonObject manifest) =>
        await PushManifestAsync(repository, reference, KeyTests.Bytes(manifest), (string)manifest["mediaType"]!);

    public async Task<string> PushManifestAsync(string repository, string? reference, byte[] bytes, string type)
    {
        var digest = Digest.Of(DigestAlgorithm.Sha256, bytes).Text;
        await SendAsync("PUT", $"/v2/{repository}/manifests/{reference ?? digest}", bytes, type, 201);
        return digest;
    }

    public Task DeleteAsync(string repository, string reference) =>
        SendAsync("DELETE", $"/v2/{repository}/manifests/{reference}", null, null, 202);

    private async Task<JsonObject> ManifestOfAsync(string repository, SignatureLayer layer, string? subject)
    {
        var described = Describe(layer.MediaType, await PushBlobAsync(repository, layer.Content.Span));
        described["annotations"] = new JsonObject(
            layer.Annotations.Select(one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value)));
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Describe("application/vnd.oci.empty.v1+json", await PushBlobAsync(repository, "{}"u8)),
            ["layers"] = new JsonArray(described),
        };
        if (subject is not null)
        {
            manifest["artifactType"] = layer.MediaType;
            manifest["subject"] = Describe(MediaTypes.OciManifest, (subject, 2));
        }

        return manifest;
    }

    public static JsonObject Describe(string type, (string Digest, int Size) blob) =>
        new() { ["mediaType"] = type, ["digest"] = blob.Digest, ["size"] = blob.Size };

    public Task<(string Digest, int Size)> PushBlobAsync(string repository, ReadOnlySpan<byte> blob)
    {
        var bytes = blob.ToArray();
        return PushAsync();

        async Task<(string, int)> PushAsync()
        {
            var digest = Digest.Of(DigestAlgorithm.Sha256, bytes).Text;
            await SendAsync("POST", $"/v2/{repository}/blobs/uploads/?digest={digest}", bytes, null, 201);
            return (digest, bytes.Length);
        }
    }

    private async Task SendAsync(string method, string path, byte[]? body, string? type, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation("Authorization", AccountsOf.Basic("admin", password));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type ?? "application/octet-stream");
        }

        using var answer = await api.Registry.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True((int)answer.StatusCode == status, $"{method} {path}: {text}");
    }
}
