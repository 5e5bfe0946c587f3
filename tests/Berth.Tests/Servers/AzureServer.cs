using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Berth.Settings;

namespace Berth.Tests.Servers;

/// <summary>
/// A store on loopback that speaks Azure's protocol: Microsoft's emulator Azurite. All tests share one, which starts
/// with the first test that asks and ends with the run; those that need TLS share another one.
/// </summary>
internal sealed class AzureServer : IAsyncDisposable
{
    public const string Account = "berthtests";
    public const string Key = "c2VjcmV0L29mK3RoZT10ZXN0cy0wMDAwMDAwMDAwMDAwMDAwMDAwMDE=";

    private static readonly Lazy<Task<AzureServer>> Shared = new(() => StartAsync("http"));
    private static readonly Lazy<Task<AzureServer>> SharedOverTls = new(() => StartAsync("https"));

    private readonly ServerScript script;

    private AzureServer(ServerScript script, Uri address)
    {
        this.script = script;
        Address = address;
        var options = new BlobClientOptions();
        options.Retry.MaxRetries = 1;
        if (address.Scheme == Uri.UriSchemeHttps)
        {
            var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
            options.Transport = new Azure.Core.Pipeline.HttpClientTransport(handler);
        }

        Client = new BlobServiceClient(
            new Uri(address, Account), new StorageSharedKeyCredential(Account, Key), options);
    }

    /// <summary>Where it answers. The account's URL has its name in the path.</summary>
    public Uri Address { get; }

    /// <summary>A client for tests to look into the store with.</summary>
    public BlobServiceClient Client { get; }

    /// <summary>Starts a store of one's own and waits until it answers.</summary>
    /// <param name="scheme">With https, identities may sign in too.</param>
    private static async Task<AzureServer> StartAsync(string scheme)
    {
        var port = LoopbackPorts.Free();
        var script = await ServerScript.StartAsync("azurite.sh", $"{port}", scheme, Account, Key);
        return new AzureServer(script, new Uri($"{scheme}://127.0.0.1:{port}"));
    }

    /// <summary>A new, empty container.</summary>
    /// <param name="isOverTls">In the store to which identities may sign in.</param>
    public static async Task<AzureContainer> CreateContainerAsync(bool isOverTls = false)
    {
        var server = await (isOverTls ? SharedOverTls : Shared).Value;
        var name = $"berth-{Guid.NewGuid():N}";
        await server.Client.CreateBlobContainerAsync(name);
        return new AzureContainer(server, name);
    }

    public ValueTask DisposeAsync() => script.DisposeAsync();
}

/// <summary>An empty container of one test.</summary>
internal sealed class AzureContainer(AzureServer server, string name) : StoreBucket
{
    public AzureServer Server => server;

    public BlobContainerClient Client => server.Client.GetBlobContainerClient(name);

    public override string Kind => "azure";

    public override string Name => name;

    public override Uri Address => server.Address;

    public override IReadOnlyDictionary<string, string> Variables => new Dictionary<string, string>
    {
        ["REGISTRY_STORAGE_AZURE_SERVICEURL"] = new Uri(Address, AzureServer.Account).ToString(),
        ["REGISTRY_STORAGE_AZURE_ACCOUNTNAME"] = AzureServer.Account,
        ["REGISTRY_STORAGE_AZURE_ACCOUNTKEY"] = AzureServer.Key,
        ["REGISTRY_STORAGE_AZURE_CONTAINER"] = name,
    };

    public override StorageSettings In(StorageSettings storage, StoreOptions? options = null)
    {
        var usual = new AzureSettings();
        return storage with
        {
            Azure = usual with
            {
                ServiceUrl = new Uri(options?.Proxy ?? Address, AzureServer.Account).ToString(),
                AccountName = AzureServer.Account,
                AccountKey = AzureServer.Key,
                Container = name,
                ChunkSize = options?.ChunkBytes ?? usual.ChunkSize,
                UploadMemoryBytes = options?.MemoryBytes ?? usual.UploadMemoryBytes,
                Timeout = options?.Timeout ?? usual.Timeout,
                RootDirectory = options?.RootDirectory ?? usual.RootDirectory,
            },
        };
    }

    public override Task<IReadOnlyList<(string Key, long Bytes)>> ListAsync(string prefix) =>
        ListAsync(prefix, BlobStates.None);

    /// <summary>Names at which there are only blocks that nobody has committed.</summary>
    public override async Task<IReadOnlyList<(string Key, string UploadId)>> UploadsAsync()
    {
        var committed = await KeysAsync();
        var all = await ListAsync("", BlobStates.Uncommitted);
        return [.. all.Select(blob => blob.Key).Except(committed).Select(key => (key, ""))];
    }

    public override async Task<byte[]> GetAsync(string key) =>
        (await Client.GetBlobClient(key).DownloadContentAsync()).Value.Content.ToArray();

    public override async Task PutAsync(string key, byte[]? content)
    {
        var blob = Client.GetBlobClient(key);
        if (content is null) await blob.DeleteIfExistsAsync();
        else await blob.UploadAsync(new BinaryData(content), overwrite: true);
    }

    public override async ValueTask DisposeAsync() => await Client.DeleteIfExistsAsync();

    private async Task<IReadOnlyList<(string Key, long Bytes)>> ListAsync(string prefix, BlobStates states)
    {
        var found = new List<(string, long)>();
        await foreach (var blob in Client.GetBlobsAsync(BlobTraits.None, states, prefix, default))
        {
            found.Add((blob.Name, blob.Properties.ContentLength ?? 0));
        }

        return found;
    }
}
