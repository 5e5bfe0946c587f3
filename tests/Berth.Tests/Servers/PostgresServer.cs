using Berth.Metadata;
using Npgsql;

namespace Berth.Tests.Servers;

/// <summary>
/// A real PostgreSQL 15 on loopback. All tests share one, which starts with the first test that asks and ends with the
/// run; a test that stops its server starts its own.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>The account of the databases: it owns them and may do nothing else, as one would set it up.</summary>
    public const string User = "berth";

    public const string Password = "a password: with spaces, 'quotes' and ;";

    private const string SuperPassword = "berth-tests";

    private static readonly Lazy<Task<PostgresServer>> Shared = new(() => StartAsync());

    private static readonly Lazy<Task<string>> Migrated = new(MigrateAsync);

    private readonly ServerScript script;
    private readonly NpgsqlDataSource administration;

    private PostgresServer(ServerScript script, int port)
    {
        this.script = script;
        Port = port;
        var administrator = new NpgsqlConnectionStringBuilder
        {
            Host = Host,
            Port = port,
            Username = "postgres",
            Password = SuperPassword,
            Database = "postgres",
            MaxPoolSize = 4,
        };
        administration = NpgsqlDataSource.Create(administrator);
    }

    public static string Host => "127.0.0.1";

    public int Port { get; }

    /// <summary>The certificate it shows to clients that want TLS, for localhost and 127.0.0.1, as PEM.</summary>
    public string CertificateFile => Path.Combine(script.Folder, "server.crt");

    /// <summary>What the server wrote to its log so far.</summary>
    public Task<string> ReadLogAsync() => File.ReadAllTextAsync(Path.Combine(script.Folder, "log"));

    /// <summary>Starts a private server and waits until it answers.</summary>
    /// <param name="durable">It writes through to the disk, which a kill of its process does not need.</param>
    public static async Task<PostgresServer> StartAsync(bool durable = false)
    {
        var port = LoopbackPorts.Free();
        var script = await ServerScript.StartAsync(
            "postgres.sh", $"{port}", SuperPassword, durable ? "durable" : "fast");
        var server = new PostgresServer(script, port);
        await server.ExecuteAsync($"CREATE ROLE {User} LOGIN PASSWORD '{Password.Replace("'", "''")}'");
        return server;
    }

    /// <summary>The server that all tests share.</summary>
    public static Task<PostgresServer> SharedAsync() => Shared.Value;

    /// <summary>A new, empty database on the server that all tests share.</summary>
    public static async Task<PostgresDatabase> CreateDatabaseAsync() =>
        await (await Shared.Value).CreateOwnDatabaseAsync();

    /// <summary>
    /// A new database with all tables on the server that all tests share. It is a copy: a test's own migrations would
    /// take most of its time. Copying files costs a tenth of copying through the log.
    /// </summary>
    public static async Task<PostgresDatabase> CreateMigratedDatabaseAsync() =>
        await (await Shared.Value).CreateAsync($"{await Migrated.Value} STRATEGY file_copy");

    /// <summary>A new, empty database on this server.</summary>
    public Task<PostgresDatabase> CreateOwnDatabaseAsync() => CreateAsync("template0");

    /// <summary>A new, empty database whose tables lie in a folder of one's own, which it needs for itself.</summary>
    public async Task<PostgresDatabase> CreateDatabaseInAsync(string folder)
    {
        var database = new PostgresDatabase(this, $"berth_{Guid.NewGuid():N}");
        await ExecuteAsync($"CREATE TABLESPACE {database.Name} LOCATION '{folder}'");
        await ExecuteAsync(
            $"CREATE DATABASE {database.Name} OWNER {User} TEMPLATE template0 TABLESPACE {database.Name}");
        return database;
    }

    /// <summary>Ends every connection to a database, as an administrator or a failing network does.</summary>
    public Task DisconnectAsync(string database) => ExecuteAsync(
        $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");

    /// <summary>Lets Berth's account log in, or not. Who is connected stays so.</summary>
    public Task LetInAsync(bool mayLogIn) => ExecuteAsync($"ALTER ROLE {User} {(mayLogIn ? "LOGIN" : "NOLOGIN")}");

    /// <summary>Stops the server: it ends all connections and refuses new ones. What it holds stays.</summary>
    public Task StopAsync() => script.DoAsync("stop");

    /// <summary>Stops the server without time to finish anything.</summary>
    public Task KillAsync() => script.DoAsync("kill");

    /// <summary>Starts the stopped server again, on the same port, and waits until it answers.</summary>
    public async Task StartAgainAsync()
    {
        await script.DoAsync("start");
        administration.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await administration.DisposeAsync();
        await script.DisposeAsync();
    }

    internal async Task DropAsync(string database)
    {
        await ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        await ExecuteAsync($"DROP TABLESPACE IF EXISTS {database}");
    }

    private static async Task<string> MigrateAsync()
    {
        var database = await CreateDatabaseAsync();
        await using (await Database.OpenAsync(TestEngines.SettingsOf(database), "", TimeProvider.System)) { }
        return database.Name;
    }

    private async Task<PostgresDatabase> CreateAsync(string template)
    {
        var name = $"berth_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE DATABASE {name} OWNER {User} TEMPLATE {template}");
        return new PostgresDatabase(this, name);
    }

    private async Task ExecuteAsync(string statement)
    {
        await using var command = administration.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>An empty database for one test. It is dropped with the object, even if clients are connected.</summary>
internal sealed class PostgresDatabase(PostgresServer server, string name) : IAsyncDisposable
{
    public PostgresServer Server => server;

    public string Name => name;

    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = PostgresServer.Host,
        Port = server.Port,
        Username = PostgresServer.User,
        Password = PostgresServer.Password,
        Database = name,
        // Of a database that is about to be dropped, no connection is worth keeping.
        Pooling = false,
    }.ConnectionString;

    /// <summary>Berth's settings for this database, by the names they have in the environment.</summary>
    public IReadOnlyDictionary<string, string> Variables => new Dictionary<string, string>
    {
        ["REGISTRY_DATABASE_HOST"] = PostgresServer.Host,
        ["REGISTRY_DATABASE_PORT"] = $"{server.Port}",
        ["REGISTRY_DATABASE_USER"] = PostgresServer.User,
        ["REGISTRY_DATABASE_PASSWORD"] = PostgresServer.Password,
        ["REGISTRY_DATABASE_DBNAME"] = name,
    };

    public async ValueTask DisposeAsync() => await server.DropAsync(name);
}
