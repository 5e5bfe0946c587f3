using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Berth.Bench;

/// <summary>A temporary PostgreSQL for the run, and the database being measured in it.</summary>
internal sealed class ScaleDatabase : IAsyncDisposable
{
    private const string Password = "bench";

    private readonly Process script;
    private readonly int port;
    private NpgsqlDataSource source;
    private string name = "postgres";

    private ScaleDatabase(Process script, int port)
    {
        (this.script, this.port) = (script, port);
        source = Connect();
    }

    /// <summary>What Berth is started with.</summary>
    public (string, string)[] Variables =>
    [
        ("REGISTRY_DATABASE_HOST", "127.0.0.1"),
        ("REGISTRY_DATABASE_PORT", $"{port}"),
        ("REGISTRY_DATABASE_USER", "berth"),
        ("REGISTRY_DATABASE_PASSWORD", Password),
        ("REGISTRY_DATABASE_DBNAME", name),
        ("REGISTRY_DATABASE_SSLMODE", "disable"),
    ];

    public static async Task<ScaleDatabase> StartAsync(CancellationToken stop)
    {
        var port = FreePort();
        var path = PerformancePage.FileOfProject("tests/Berth.Tests/Servers/postgres.sh");
        var start = new ProcessStartInfo("setsid", ["bash", path, $"{port}", Password, "fast"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var database = new ScaleDatabase(Process.Start(start)!, port);
        try
        {
            await database.ExpectAsync("ready", stop);
            await database.ExecuteAsync($"CREATE ROLE berth LOGIN PASSWORD '{Password}'", stop);
            await database.ExecuteAsync("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'", stop);
            await database.RestartAsync(stop);
            await database.ExecuteAsync("ALTER SYSTEM SET pg_stat_statements.track_utility = off", stop);
            await database.ExecuteAsync("SELECT pg_reload_conf()", stop);
            return database;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    /// <summary>Switches to a new, empty database; the previous one is dropped.</summary>
    public async Task CreateAsync(CancellationToken stop)
    {
        var old = name;
        await SwitchAsync("postgres");
        if (old != name) await ExecuteAsync($"DROP DATABASE {old} WITH (FORCE)", stop);
        var created = old == "scale" ? "scale_next" : "scale";
        await ExecuteAsync($"CREATE DATABASE {created} OWNER berth TEMPLATE template0", stop);
        await SwitchAsync(created);
        await ExecuteAsync("CREATE EXTENSION pg_stat_statements", stop);
    }

    /// <summary>Runs statements as the superuser, however long they take.</summary>
    public async Task ExecuteAsync(string sql, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var command = new NpgsqlCommand(sql, connection);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(stop);
    }

    public async Task<List<T>> ReadAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken stop)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(stop);
        var rows = new List<T>();
        while (await reader.ReadAsync(stop)) rows.Add(read(reader));
        return rows;
    }

    /// <summary>
    /// Statements on tables that Berth has sent so far, excluding those of background jobs. BEGIN, COMMIT and the
    /// driver's own statements don't count.
    /// </summary>
    public async Task<long> CountStatementsAsync(CancellationToken stop) => (await ReadAsync(
        """
        SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
        WHERE userid = 'berth'::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND query !~ '\m(job|upload|pg_advisory_unlock_all)\M'
        """,
        row => row.GetInt64(0), stop))[0];

    public async ValueTask DisposeAsync()
    {
        await source.DisposeAsync();
        script.StandardInput.Close();
        await script.WaitForExitAsync();
        script.Dispose();
    }

    private async Task RestartAsync(CancellationToken stop)
    {
        foreach (var command in new[] { "stop", "start" })
        {
            await script.StandardInput.WriteLineAsync(command);
            await ExpectAsync("done", stop);
        }

        source.Clear();
    }

    private async Task SwitchAsync(string database)
    {
        await source.DisposeAsync();
        name = database;
        source = Connect();
    }

    private NpgsqlDataSource Connect() => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Username = "postgres",
        Password = Password,
        Database = name,
        SslMode = SslMode.Disable,
        // Foreign keys are not checked, for fast loading.
        Options = "-c session_replication_role=replica",
    });

    private async Task ExpectAsync(string word, CancellationToken stop)
    {
        var line = await script.StandardOutput.ReadLineAsync(stop);
        if (line?.StartsWith(word, StringComparison.Ordinal) == true) return;
        script.StandardInput.Close();
        var rest = await script.StandardOutput.ReadToEndAsync(stop);
        throw new InvalidOperationException($"PostgreSQL did not start: {line}\n{rest}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
