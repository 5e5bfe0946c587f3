using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Metadata;

/// <summary>An empty database of one test, on the engine that the run is for, as several nodes see it.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("berth-test-");
    private readonly List<Database> opened = [];
    private Servers.PostgresDatabase? postgres;

    /// <summary>The database as one node sees it. On SQLite there is only one, which they share.</summary>
    public async Task<Database> OpenAsync()
    {
        if (!TestEngines.IsPostgres && opened.Count > 0) return opened[0];
        if (TestEngines.IsPostgres) postgres ??= await PostgresServer.CreateDatabaseAsync();
        var settings = postgres is null ? new DatabaseSettings() : TestEngines.SettingsOf(postgres);
        var database = await Database.OpenAsync(
            settings, Path.Combine(folder.FullName, "berth.db"), TimeProvider.System);
        opened.Add(database);
        return database;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in opened) await database.DisposeAsync();
        if (postgres is not null) await postgres.DisposeAsync();
        folder.Delete(recursive: true);
    }
}
