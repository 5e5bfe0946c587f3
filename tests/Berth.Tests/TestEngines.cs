using Berth.Blobs;
using Berth.Settings;
using Berth.Tests.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests;

/// <summary>
/// Which engines the registries of a test run use where a test does not choose: <c>BERTH_TEST_DATABASE=postgres</c>
/// takes PostgreSQL instead of SQLite, <c>BERTH_TEST_STORE=s3</c> a bucket instead of a folder, and
/// <c>BERTH_TEST_HOST=program</c> a process of its own (<see cref="BerthProgram"/>) instead of the test's. The same
/// tests have to pass on all.
/// </summary>
internal static class TestEngines
{
    public static bool IsPostgres => Environment.GetEnvironmentVariable("BERTH_TEST_DATABASE") == "postgres";

    public static bool IsS3 => Environment.GetEnvironmentVariable("BERTH_TEST_STORE") == "s3";

    public static bool IsProgram => Environment.GetEnvironmentVariable("BERTH_TEST_HOST") == "program";

    /// <summary>Berth's settings for a bucket in the tests' own store, or behind a proxy before it.</summary>
    public static S3Settings SettingsOf(S3Bucket bucket, Uri? proxy = null) => new()
    {
        Region = S3Server.Region,
        RegionEndpoint = (proxy ?? bucket.Server.Endpoint).ToString(),
        ForcePathStyle = true,
        Bucket = bucket.Name,
        AccessKey = S3Server.AccessKey,
        SecretKey = S3Server.SecretKey,
    };

    /// <summary>A store of blobs by itself.</summary>
    public static ObjectBlobStore Open(S3Settings settings) => ObjectBlobStore.Open(
        new StorageSettings { S3 = settings }, TimeProvider.System, NullLogger<ObjectBlobStore>.Instance)!;

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
