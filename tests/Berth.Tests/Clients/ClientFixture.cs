using System.Net;

namespace Berth.Tests.Clients;

/// <summary>A running Berth, the client programs, and a folder that is their home for one class of tests.</summary>
public sealed class ClientFixture : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);
    private static readonly string[] ManifestTypes =
    [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ];

    private BerthProcess? _berth;
    private ClientTools? _tools;
    private HttpClient? _client;

    /// <summary>The client programs.</summary>
    public ClientTools Tools => _tools ?? throw new InvalidOperationException("Not initialized.");

    /// <summary>The registry.</summary>
    public BerthProcess Berth => _berth ?? throw new InvalidOperationException("Not initialized.");

    /// <summary>A client that speaks to the registry itself.</summary>
    public HttpClient Client => _client ?? throw new InvalidOperationException("Not initialized.");

    /// <summary>The registry's host and port.</summary>
    public string Address => Berth.Address;

    /// <summary>A temporary folder: the home and the working folder of the programs.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("berth-clients-").FullName;

    /// <summary>What each program finds in its environment besides the machine's own.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["HOME"] = Folder,
        ["XDG_CONFIG_HOME"] = Path.Combine(Folder, "config"),
        ["XDG_CACHE_HOME"] = Path.Combine(Folder, "cache"),
        ["XDG_DATA_HOME"] = Path.Combine(Folder, "share"),
        ["XDG_RUNTIME_DIR"] = Folder,
        ["DOCKER_CONFIG"] = Path.Combine(Folder, "docker"),
        ["NO_PROXY"] = "127.0.0.1",
        ["COSIGN_PASSWORD"] = "",
    };

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        // podman asks for the file when the folder is named.
        Directory.CreateDirectory(Environment["DOCKER_CONFIG"]);
        await File.WriteAllTextAsync(Path.Combine(Environment["DOCKER_CONFIG"], "config.json"), "{}");
        _tools = await ClientTools.ReadyAsync();
        _berth = await BerthProcess.StartAsync();
        _client = _berth.CreateClient();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        if (_berth is not null)
        {
            await _berth.DisposeAsync();
        }

        await Mounts.RemoveUnderAsync(Folder);
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>A path in the temporary folder, for a file or folder that does not exist yet.</summary>
    public string NewPath(string name) => Path.Combine(Folder, $"{name}-{Guid.NewGuid():N}");

    /// <summary>Runs a program that must succeed.</summary>
    /// <returns>Its standard output, without white space at the ends.</returns>
    public async Task<string> RunAsync(string program, params IEnumerable<string> arguments) =>
        (await TryRunAsync(program, arguments)).OutputOfSuccess().Trim();

    /// <summary>Runs a program that may fail.</summary>
    public Task<ProgramRun> TryRunAsync(string program, params IEnumerable<string> arguments) =>
        ProgramRun.StartAsync(program, arguments, Environment, Folder, Limit);

    /// <summary>The digest that the registry gives for a tag or digest, or null when it has none.</summary>
    public async Task<string?> DigestAsync(string repository, string reference)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, $"v2/{repository}/manifests/{reference}");
        request.Headers.Add("Accept", ManifestTypes);
        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        response.EnsureSuccessStatusCode();
        return response.Headers.GetValues("Docker-Content-Digest").Single();
    }

    /// <summary>Whether a blob is in a repository.</summary>
    public async Task<bool> HasBlobAsync(string repository, string digest)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, $"v2/{repository}/blobs/{digest}");
        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode == HttpStatusCode.OK;
    }
}
