using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests;

/// <summary>
/// Which engines the registries of a test run use where a test does not choose: <c>BERTH_TEST_DATABASE=postgres</c>
/// takes PostgreSQL instead of SQLite. The same tests have to pass on both.
/// </summary>
internal static class TestEngines
{
    public static bool IsPostgres => Environment.GetEnvironmentVariable("BERTH_TEST_DATABASE") == "postgres";

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
