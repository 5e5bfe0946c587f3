using System.Text.Json;
using Berth.Tests.Cli;

namespace Berth.Tests.Import;

/// <summary>A Berth that another registry moves into.</summary>
internal sealed class MovedRegistry(RegistryFixture registry)
{
    private static readonly string[] ManifestTypes =
    [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async Task<CommandResult> ImportAsync(params string[] arguments) =>
        await new AccountCommand(registry).RunAsync(["import", .. arguments]);

    /// <summary>Imports, and returns what was done.</summary>
    public async Task<JsonElement> ImportAsJsonAsync(params string[] arguments) =>
        JsonDocument.Parse((await ImportAsync([.. arguments, "--yes", "--json"])).Is(0).Output).RootElement
            .GetProperty("done").Clone();

    /// <summary>A tag's or a digest's manifest; null if there is none.</summary>
    public static async Task<(string Digest, string MediaType, byte[] Body)?> ManifestAsync(
        HttpClient client, string repository, string reference)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"v2/{repository}/manifests/{reference}");
        request.Headers.Add("Accept", ManifestTypes);
        using var answer = await client.SendAsync(request, Stop);
        if (!answer.IsSuccessStatusCode) return null;
        return (
            answer.Headers.GetValues("Docker-Content-Digest").Single(),
            answer.Content.Headers.ContentType!.MediaType!, await answer.Content.ReadAsByteArrayAsync(Stop));
    }

    /// <summary>Fails unless everything that the old registry serves is served here, byte for byte.</summary>
    /// <param name="old">The old registry.</param>
    /// <param name="revisions">All manifests of it, tagged or not.</param>
    public async Task AssertHasAllAsync(HttpClient old, IReadOnlyList<(string Repository, string Digest)> revisions)
    {
        var compared = 0;
        foreach (var (repository, digest) in revisions)
        {
            var there = await ManifestAsync(old, repository, digest);
            var here = await ManifestAsync(registry.Client, repository, digest);
            Assert.Equal(there!.Value.Body, here!.Value.Body);
            Assert.Equal(there.Value.MediaType, here.Value.MediaType);
            foreach (var blob in BlobsOf(there.Value.Body))
            {
                Assert.Equal(
                    await old.GetByteArrayAsync(new Uri($"v2/{repository}/blobs/{blob}", UriKind.Relative), Stop),
                    await registry.Client.GetByteArrayAsync(
                        new Uri($"v2/{repository}/blobs/{blob}", UriKind.Relative), Stop));
                compared++;
            }
        }

        Assert.True(compared > 0);
        foreach (var repository in revisions.Select(one => one.Repository).Distinct())
        {
            var tags = await TagsAsync(old, repository);
            Assert.Equal(tags, await TagsAsync(registry.Client, repository));
            foreach (var tag in tags)
            {
                Assert.Equal(
                    (await ManifestAsync(old, repository, tag))!.Value.Digest,
                    (await ManifestAsync(registry.Client, repository, tag))!.Value.Digest);
            }
        }
    }

    /// <summary>All manifests in a folder of a registry.</summary>
    public static List<(string Repository, string Digest)> RevisionsIn(string folder)
    {
        var root = Path.Combine(folder, "docker/registry/v2/repositories");
        return
        [
            .. Directory.EnumerateFiles(root, "link", SearchOption.AllDirectories)
                .Where(path => path.Contains("/_manifests/revisions/", StringComparison.Ordinal))
                .Select(path => (
                    Path.GetRelativePath(root, path).Split("/_manifests/")[0], File.ReadAllText(path))),
        ];
    }

    private static async Task<List<string>> TagsAsync(HttpClient client, string repository)
    {
        var json = await client.GetStringAsync(new Uri($"v2/{repository}/tags/list", UriKind.Relative), Stop);
        var tags = JsonDocument.Parse(json).RootElement.GetProperty("tags");
        return tags.ValueKind == JsonValueKind.Null
            ? [] : [.. tags.EnumerateArray().Select(tag => tag.GetString()!).Order(StringComparer.Ordinal)];
    }

    private static List<string> BlobsOf(byte[] body)
    {
        var json = JsonDocument.Parse(body).RootElement;
        if (!json.TryGetProperty("layers", out var layers)) return [];
        return
        [
            json.GetProperty("config").GetProperty("digest").GetString()!,
            .. layers.EnumerateArray().Select(layer => layer.GetProperty("digest").GetString()!),
        ];
    }
}
