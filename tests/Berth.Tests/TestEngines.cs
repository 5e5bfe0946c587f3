using Berth.Blobs;
using Berth.Settings;
using Berth.Tests.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests;

/// <summary>
/// Which engines the registries of a test run use if a test does not choose: <c>BERTH_TEST_DATABASE=postgres</c> takes
/// PostgreSQL instead of SQLite, <c>BERTH_TEST_STORE=s3</c> a bucket and <c>azure</c> a container instead of a folder,
/// and <c>BERTH_TEST_HOST=program</c> a process of its own (<see cref="BerthProgram"/>) instead of the test's. The same
/// tests must pass on all of them.
/// </summary>
internal static class TestEngines
{
    public static bool IsPostgres => Environment.GetEnvironmentVariable("BERTH_TEST_DATABASE") == "postgres";

    /// <summary>The kind of bucket that blobs lie in; null where they lie in a folder.</summary>
    public static string? Store => Environment.GetEnvironmentVariable("BERTH_TEST_STORE");

    public static bool IsProgram => Environment.GetEnvironmentVariable("BERTH_TEST_HOST") == "program";

    /// <summary>A new, empty bucket or container.</summary>
    /// <param name="kind">s3 or azure.</param>
    public static async Task<StoreBucket> CreateBucketAsync(string kind) => kind == "azure"
        ? await AzureServer.CreateContainerAsync()
        : await S3Server.CreateBucketAsync();

    /// <summary>A store of blobs by itself.</summary>
    public static ObjectBlobStore Open(StorageSettings storage) => ObjectBlobStore.Open(
        storage, TimeProvider.System, NullLogger<ObjectBlobStore>.Instance)!;

    /// <summary>Berth's settings for a database of the tests' own server.</summary>
    public static DatabaseSettings SettingsOf(PostgresDatabase database) => new()
    {
        Host = PostgresServer.Host,
        Port = database.Server.Port,
        User = PostgresServer.User,
        Password = PostgresServer.Password,
        DbName = database.Name,
        Pool = new PoolSettings { MaxOpen = 10 },
    };
}
