using Berth.Backups;
using Berth.Blobs;
using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Cli;
using Berth.Tests.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using PostgresDatabase = Berth.Tests.Servers.PostgresDatabase;

namespace Berth.Tests.Backups;

/// <summary>
/// An empty database and an empty store, in which a registry can be started, restored and backed up: SQLite and a
/// folder, or PostgreSQL and a bucket. Beside them a place for backups of the same kind.
/// </summary>
internal sealed class EngineSet : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-test-").FullName;
    private PostgresDatabase? database;
    private StoreBucket? bucket;
    private WebApplication? app;

    /// <summary>The place for backups, as it is named on the command line.</summary>
    public string Place => bucket is null ? Path.Combine(folder, "backups") : $"s3://{bucket.Name}/backups";

    public string DataFolder => Path.Combine(folder, "data");

    /// <summary>The folder of the place for backups, or what the keys of its objects begin with.</summary>
    public string PlaceRoot => bucket is null ? Place : "backups";

    /// <summary>The same of the registry's store.</summary>
    public string StoreRoot => bucket is null ? DataFolder : "store";

    public IServiceProvider Services => app!.Services;

    /// <summary>A client of the server that runs.</summary>
    public HttpClient Client { get; private set; } = new();

    public StoreBucket? Bucket => bucket;

    public Func<RegistrySettings, RegistrySettings>? Configure { get; init; }

    public RegistrySettings Settings
    {
        get
        {
            var settings = new RegistrySettings();
            settings = settings with
            {
                Http = settings.Http with { Addr = "127.0.0.1:0", DrainTimeout = TimeSpan.FromSeconds(5) },
                Storage = settings.Storage with { Filesystem = new FilesystemSettings { RootDirectory = DataFolder } },
            };
            if (database is not null) settings = settings with { Database = TestEngines.SettingsOf(database) };
            if (bucket is not null)
            {
                settings = settings with
                {
                    Storage = bucket.In(settings.Storage, new StoreOptions(RootDirectory: "store")) with
                    {
                        Redirect = new RedirectSettings { Disable = true },
                    },
                };
            }

            return Configure?.Invoke(settings) ?? settings;
        }
    }

    public static async Task<EngineSet> CreateAsync(
        bool isShared, Func<RegistrySettings, RegistrySettings>? configure = null)
    {
        var set = new EngineSet { Configure = configure };
        if (!isShared) return set;
        set.database = await PostgresServer.CreateDatabaseAsync();
        set.bucket = await TestEngines.CreateBucketAsync("s3");
        return set;
    }

    public Task<BackupPlace> OpenPlaceAsync() => BackupPlace.OpenAsync(
        Place, Settings.Storage, mayCreate: true, NullLogger<ObjectBlobStore>.Instance, CancellationToken.None);

    /// <summary>The files, or the objects, under a root, by path or key, in order.</summary>
    public async Task<List<string>> FilesAsync(string root) => [.. (bucket is null
        ? Directory.GetFiles(root, "*", SearchOption.AllDirectories)
        : (await bucket.ListAsync(root + "/")).Select(one => one.Key)).Order(StringComparer.Ordinal)];

    /// <summary>The one file, or object, of a blob under a root.</summary>
    public async Task<string> FileOfAsync(string root, string digest)
    {
        var hex = digest.Split(':')[1];
        return (await FilesAsync(root + "/blobs")).Single(path => path.EndsWith(hex, StringComparison.Ordinal));
    }

    public Task<byte[]> ReadFileAsync(string path) =>
        bucket is null ? File.ReadAllBytesAsync(path) : bucket.GetAsync(path);

    /// <summary>Writes a file or object, or deletes it where there is no content.</summary>
    public async Task WriteFileAsync(string path, byte[]? content)
    {
        if (bucket is not null) await bucket.PutAsync(path, content);
        else if (content is null) File.Delete(path);
        else await File.WriteAllBytesAsync(path, content);
    }

    /// <summary>Flips one bit in the middle of a file or object; length and name stay.</summary>
    public async Task AlterFileAsync(string path)
    {
        var content = await ReadFileAsync(path);
        content[content.Length / 2] ^= 1;
        await WriteFileAsync(path, content);
    }

    /// <summary>Runs a command with these settings in the environment.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) =>
        AccountCommand.RunAsync(Variables, input: "", arguments);

    public Dictionary<string, string> Variables
    {
        get
        {
            var variables = new Dictionary<string, string>
            {
                ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = DataFolder,
            };
            foreach (var (name, value) in database?.Variables ?? new Dictionary<string, string>())
                variables[name] = value;
            foreach (var (name, value) in bucket?.Variables ?? new Dictionary<string, string>())
                variables[name] = value;
            if (bucket is not null) variables["REGISTRY_STORAGE_S3_ROOTDIRECTORY"] = "store";
            return variables;
        }
    }

    public async Task StartAsync(TimeProvider? clock = null)
    {
        app = await RegistryHost.BuildAsync(Settings, Stream.Null, clock);
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        Client.Dispose();
        Client = new HttpClient { BaseAddress = new Uri(addresses.Addresses.Single() + "/") };
    }

    public async Task StopAsync()
    {
        if (app is null) return;
        await app.StopAsync();
        await app.DisposeAsync();
        app = null;
    }

    /// <summary>Puts an empty database in the place of the one there was, which is lost.</summary>
    public async Task LoseDatabaseAsync()
    {
        if (database is null)
        {
            foreach (var file in Directory.GetFiles(DataFolder, "berth.db*")) File.Delete(file);
            return;
        }

        await database.DisposeAsync();
        database = await PostgresServer.CreateDatabaseAsync();
    }

    /// <summary>Looks into the database, or changes it.</summary>
    public async Task<T> QueryAsync<T>(Func<Session, ValueTask<T>> query)
    {
        var settings = Settings;
        await using var opened = await Database.OpenBesideAsync(
            settings.Database, Berth.Hosting.DataFolder.DatabasePathOf(settings), TimeProvider.System);
        return await opened.WriteAsync(query, isDurable: true);
    }

    /// <summary>All rows that say what a registry serves.</summary>
    public Task<List<string>> ServedAsync() => QueryAsync(async session =>
    {
        var rows = await session.AllAsync(
            """
            SELECT r.name, t.name, t.digest FROM tag t JOIN repository r ON r.id = t.repository_id ORDER BY 1, 2
            """,
            row => $"{row.GetString(0)}:{row.GetString(1)} {row.GetString(2)}");
        rows.AddRange(await session.AllAsync(
            """
            SELECT r.name, m.digest, m.media_type, b.body FROM manifest m
            JOIN repository r ON r.id = m.repository_id JOIN manifest_body b ON b.digest = m.digest ORDER BY 1, 2
            """,
            row => $"{row.GetString(0)}@{row.GetString(1)} {row.GetString(2)} "
                + Convert.ToHexStringLower((byte[])row.GetValue(3))));
        rows.AddRange(await session.AllAsync(
            "SELECT id, name, digest, moved_at, moved_by FROM tag_history ORDER BY id",
            row => $"{row.GetInt64(0)} {row.GetString(1)} {row.GetValue(2)} {row.GetInt64(3)} {row.GetString(4)}"));
        return rows;
    });

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Client.Dispose();
        Directory.Delete(folder, recursive: true);
        if (database is not null) await database.DisposeAsync();
        if (bucket is not null) await bucket.DisposeAsync();
    }
}
