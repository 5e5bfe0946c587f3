using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Cluster;

/// <summary>
/// Registries on one PostgreSQL database and one bucket, and small manifests for them that need no blobs.
/// </summary>
internal sealed class SharedDatabase(PostgresDatabase database, StoreBucket bucket) : IAsyncDisposable
{
    public static async Task<SharedDatabase> CreateAsync() => new(
        await PostgresServer.CreateDatabaseAsync(), await TestEngines.CreateBucketAsync(TestEngines.Store ?? "s3"));

    /// <param name="port">Where the node finds the database: a proxy's port, or the server's own.</param>
    /// <param name="configure">Changes the node's database settings.</param>
    /// <param name="configureStorage">Changes its other settings of the store.</param>
    /// <param name="clock">What the time is for it; null: what it is.</param>
    public Task<RegistryFixture> StartNodeAsync(
        int? port = null, Func<DatabaseSettings, DatabaseSettings>? configure = null,
        Func<StorageSettings, StorageSettings>? configureStorage = null, TimeProvider? clock = null)
    {
        var settings = TestEngines.SettingsOf(database);
        settings = settings with { Port = port ?? settings.Port };
        return RegistryFixture.StartAsync(
            s => s with
            {
                Database = configure?.Invoke(settings) ?? settings,
                Storage = bucket.In(configureStorage?.Invoke(s.Storage) ?? s.Storage),
            },
            clock);
    }

    public async ValueTask DisposeAsync()
    {
        await bucket.DisposeAsync();
        await database.DisposeAsync();
    }

    /// <summary>An index of nothing, different for each number.</summary>
    public static byte[] Index(int number) => Encoding.UTF8.GetBytes(
        $$"""
        {"schemaVersion":2,"mediaType":"{{MediaTypes.OciIndex}}","manifests":[],"annotations":{"n":"{{number}}"} }
        """);

    public static string DigestOf(int number) => Digest.Of(DigestAlgorithm.Sha256, Index(number)).Text;

    public static async Task<HttpResponseMessage> PushAsync(
        RegistryFixture node, string path, int number, string? ifMatch = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, path);
        request.Content = new ByteArrayContent(Index(number));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OciIndex);
        if (ifMatch is not null) request.Headers.IfMatch.Add(new EntityTagHeaderValue(ifMatch));
        return await node.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>The digest that a reference has, or null with the status where it has none.</summary>
    public static async Task<(HttpStatusCode Status, string? Digest)> PullAsync(RegistryFixture node, string path)
    {
        using var answer = await node.Client.GetAsync(path, TestContext.Current.CancellationToken);
        return (answer.StatusCode, answer.IsSuccessStatusCode
            ? answer.Headers.GetValues("Docker-Content-Digest").Single()
            : null);
    }
}
