using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Tests.Clients;

namespace Berth.Tests.Import;

/// <summary>
/// A real distribution registry with images that real clients have pushed, started once for a class of tests. What it
/// keeps is copied for each test, so that the test may damage it.
/// </summary>
public sealed class OldRegistry : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-import-").FullName;
    private DistributionRegistry? registry;
    private HttpClient? http;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>A client of it.</summary>
    public HttpClient Client => http ?? throw new InvalidOperationException("Not initialized.");

    /// <summary>Its folder, in which it may write at any moment.</summary>
    internal DistributionRegistry Registry => registry ?? throw new InvalidOperationException("Not initialized.");

    /// <summary>The digest of the index that is tagged <c>1</c> in team/app.</summary>
    public string Index { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        var tools = await ClientTools.ReadyAsync();
        registry = await DistributionRegistry.StartAsync(tools, auth: "", storage: null);
        http = new HttpClient { BaseAddress = new Uri($"http://{registry.Address}") };
        await FillAsync(registry.Address, tools, folder);
        Index = OciLayout.DigestIn(Path.Combine(folder, "index"));
    }

    public async ValueTask DisposeAsync()
    {
        http?.Dispose();
        if (registry is not null) await registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>A copy of what it keeps, as if it had been stopped.</summary>
    public async Task<string> CopyAsync()
    {
        var copy = NewPath();
        await RunAsync("cp", "-a", Registry.DataFolder, copy);
        return copy;
    }

    /// <summary>A path that goes away with the object.</summary>
    public string NewPath() => Path.Combine(folder, Guid.NewGuid().ToString("N"));

    /// <summary>Pushes an image of one layer.</summary>
    /// <returns>Its digest.</returns>
    public Task<string> PushAsync(string repository, string reference, string words) =>
        PushAsync(Client, repository, reference, words);

    /// <summary>The same to any registry.</summary>
    public static async Task<string> PushAsync(HttpClient client, string repository, string reference, string words)
    {
        var (config, layer) = ("{}"u8.ToArray(), Encoding.UTF8.GetBytes(words));
        foreach (var blob in new[] { config, layer })
        {
            using var begun = await client.PostAsync(
                new Uri($"/v2/{repository}/blobs/uploads/", UriKind.Relative), null, Stop);
            var place = begun.EnsureSuccessStatusCode().Headers.Location!.ToString();
            place += (place.Contains('?', StringComparison.Ordinal) ? '&' : '?') + "digest=" + DigestOf(blob);
            using var put = await client.PutAsync(
                new Uri(place, UriKind.RelativeOrAbsolute), new ByteArrayContent(blob), Stop);
            put.EnsureSuccessStatusCode();
        }

        var manifest = Encoding.UTF8.GetBytes(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
            ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", config),
            ["layers"] = new JsonArray(Descriptor("application/vnd.oci.image.layer.v1.tar", layer)),
        }.ToJsonString());
        using var content = new ByteArrayContent(manifest);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.manifest.v1+json");
        using var pushed = await client.PutAsync(
            new Uri($"/v2/{repository}/manifests/{reference}", UriKind.Relative), content, Stop);
        pushed.EnsureSuccessStatusCode();
        return DigestOf(manifest);
    }

    public static string DigestOf(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>Runs a program that must succeed.</summary>
    public static async Task<string> RunAsync(string program, params string[] arguments) =>
        (await ProgramRun.StartAsync(
            program, arguments, new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(1))).OutputOfSuccess();

    /// <summary>
    /// An index, an image in docker's own format, an artifact that is attached, one image in two repositories, and a
    /// tag that has moved.
    /// </summary>
    internal static async Task FillAsync(string address, ClientTools tools, string folder)
    {
        var index = OciLayout.WriteIndex(Path.Combine(folder, "index"), "moves in", "amd64", "arm64");
        var image = OciLayout.Write(Path.Combine(folder, "image"), "moves in too");
        await File.WriteAllTextAsync(Path.Combine(folder, "review.txt"), "looks good", Stop);
        await CopyAsync($"oci:{index.Folder}:1", "team/app:1", "--all");
        await CopyAsync($"oci:{image.Folder}:1", "team/app:docker", "--format=v2s2");
        await CopyAsync($"oci:{image.Folder}:1", "team:latest");
        await CopyAsync($"oci:{index.Folder}:1", "team:moved", "--override-arch=arm64");
        await CopyAsync($"oci:{image.Folder}:1", "team:moved");
        await RunAsync(
            "bash", "-ec", $"cd {folder} && HOME={folder} {tools.Oras} attach --plain-http "
                + $"--artifact-type=application/x.review {address}/team/app:1 review.txt:text/plain");

        Task<string> CopyAsync(string from, string to, params string[] options) => RunAsync(
            "skopeo", ["copy", "--quiet", "--dest-tls-verify=false", .. options, from, $"docker://{address}/{to}"]);
    }

    private static JsonObject Descriptor(string mediaType, byte[] content) => new()
    {
        ["mediaType"] = mediaType,
        ["digest"] = DigestOf(content),
        ["size"] = content.Length,
    };
}
