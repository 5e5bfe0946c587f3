using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Berth.Settings;

namespace Berth.Tests.Servers;

/// <summary>
/// A real S3 store on loopback: Ceph's gateway over one store in memory. All tests share one, which starts with the
/// first test that asks and ends with the run; a test that stops its store starts its own.
/// </summary>
internal sealed class S3Server : IAsyncDisposable
{
    public const string Region = "default";
    public const string AccessKey = "BERTHTESTS0000000001";
    public const string SecretKey = "secret/of+the=tests-0000000000000000001";

    private static readonly Lazy<Task<S3Server>> Shared = new(StartAsync);

    private readonly ServerScript script;

    private S3Server(ServerScript script, int port, int tlsPort)
    {
        this.script = script;
        Endpoint = new Uri($"http://127.0.0.1:{port}");
        TlsEndpoint = new Uri($"https://localhost:{tlsPort}");
        Client = CreateClient(Endpoint);
    }

    public Uri Endpoint { get; }

    /// <summary>The same store over TLS, under the certificate in <see cref="CertificateFile"/>.</summary>
    public Uri TlsEndpoint { get; }

    public string CertificateFile => Path.Combine(script.Folder, "server.crt");

    /// <summary>A client for tests to look into the store with.</summary>
    public AmazonS3Client Client { get; }

    /// <summary>Starts a private store and waits until it answers.</summary>
    public static async Task<S3Server> StartAsync()
    {
        var (port, tlsPort, monitorPort) = (LoopbackPorts.Free(), LoopbackPorts.Free(), LoopbackPorts.Free());
        var script = await ServerScript.StartAsync(
            "ceph.sh", $"{port}", $"{tlsPort}", $"{monitorPort}", AccessKey, SecretKey);
        return new S3Server(script, port, tlsPort);
    }

    /// <summary>A new, empty bucket in the store that all tests share.</summary>
    public static async Task<S3Bucket> CreateBucketAsync() => await (await Shared.Value).CreateOwnBucketAsync();

    /// <summary>A client of this kind of store that waits briefly and tries again rarely.</summary>
    /// <param name="endpoint">The store, or a proxy before it.</param>
    public static AmazonS3Client CreateClient(Uri endpoint) => new(
        new BasicAWSCredentials(AccessKey, SecretKey),
        new AmazonS3Config
        {
            ServiceURL = endpoint.ToString(),
            AuthenticationRegion = Region,
            ForcePathStyle = true,
            // The gateway refuses the checksums that the client adds by itself.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            MaxErrorRetry = 1,
            Timeout = TimeSpan.FromSeconds(30),
        });

    /// <summary>A new, empty bucket in this store.</summary>
    public async Task<S3Bucket> CreateOwnBucketAsync()
    {
        var name = $"berth-{Guid.NewGuid():N}";
        await Client.PutBucketAsync(name);
        return new S3Bucket(this, name);
    }

    /// <summary>Ends the gateway at once: connections break and new ones are refused. What it holds stays.</summary>
    public Task StopAsync() => script.DoAsync("stop");

    /// <summary>Starts the gateway again, on the same ports, and waits until it answers.</summary>
    public Task StartAgainAsync() => script.DoAsync("start");

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await script.DisposeAsync();
    }
}

/// <summary>An empty bucket of one test.</summary>
internal sealed class S3Bucket(S3Server server, string name) : StoreBucket
{
    public S3Server Server => server;

    public override string Kind => "s3";

    public override string Name => name;

    public override Uri Address => server.Endpoint;

    public override IReadOnlyDictionary<string, string> Variables => new Dictionary<string, string>
    {
        ["REGISTRY_STORAGE_S3_REGION"] = S3Server.Region,
        ["REGISTRY_STORAGE_S3_REGIONENDPOINT"] = server.Endpoint.ToString().TrimEnd('/'),
        ["REGISTRY_STORAGE_S3_FORCEPATHSTYLE"] = "true",
        ["REGISTRY_STORAGE_S3_BUCKET"] = name,
        ["REGISTRY_STORAGE_S3_ACCESSKEY"] = S3Server.AccessKey,
        ["REGISTRY_STORAGE_S3_SECRETKEY"] = S3Server.SecretKey,
    };

    public override StorageSettings In(StorageSettings storage, StoreOptions? options = null)
    {
        var usual = new S3Settings();
        return storage with
        {
            S3 = usual with
            {
                Region = S3Server.Region,
                RegionEndpoint = (options?.Proxy ?? Address).ToString(),
                ForcePathStyle = true,
                Bucket = name,
                AccessKey = S3Server.AccessKey,
                SecretKey = S3Server.SecretKey,
                ChunkSize = options?.ChunkBytes ?? usual.ChunkSize,
                UploadMemoryBytes = options?.MemoryBytes ?? usual.UploadMemoryBytes,
                Timeout = options?.Timeout ?? usual.Timeout,
                RootDirectory = options?.RootDirectory ?? usual.RootDirectory,
            },
        };
    }

    public override async Task<IReadOnlyList<(string Key, long Bytes)>> ListAsync(string prefix)
    {
        var objects = new List<(string, long)>();
        var request = new ListObjectsV2Request { BucketName = name, Prefix = prefix };
        do
        {
            var page = await server.Client.ListObjectsV2Async(request);
            objects.AddRange((page.S3Objects ?? []).Select(o => (o.Key, o.Size ?? 0)));
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (request.ContinuationToken is not null);
        return objects;
    }

    public override async Task<byte[]> GetAsync(string key)
    {
        using var answer = await server.Client.GetObjectAsync(name, key);
        using var content = new MemoryStream();
        await answer.ResponseStream.CopyToAsync(content);
        return content.ToArray();
    }

    public override Task PutAsync(string key, byte[]? content) => content is null
        ? server.Client.DeleteObjectAsync(name, key)
        : server.Client.PutObjectAsync(
            new PutObjectRequest { BucketName = name, Key = key, InputStream = new MemoryStream(content) });

    public override async Task<IReadOnlyList<(string Key, string UploadId)>> UploadsAsync()
    {
        var page = await server.Client.ListMultipartUploadsAsync(name);
        return [.. (page.MultipartUploads ?? []).Select(u => (u.Key, u.UploadId))];
    }

    public override async ValueTask DisposeAsync()
    {
        while (await UploadsAsync() is { Count: > 0 } uploads)
        {
            foreach (var (key, id) in uploads) await server.Client.AbortMultipartUploadAsync(name, key, id);
        }

        foreach (var keys in (await KeysAsync()).Chunk(1000))
        {
            await server.Client.DeleteObjectsAsync(new DeleteObjectsRequest
            {
                BucketName = name,
                Objects = [.. keys.Select(key => new KeyVersion { Key = key })],
            });
        }

        await server.Client.DeleteBucketAsync(name);
    }
}
