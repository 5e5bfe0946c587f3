using System.Collections.Concurrent;
using System.Data.Common;
using Berth.Oci;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>
/// A connection to a SQLite file with its prepared commands. Its tasks are done when they are returned.
/// </summary>
internal sealed class SqliteSession : Session, IDisposable
{
    private const int PatienceSeconds = 10;

    private readonly SqliteConnection connection;
    private readonly Dictionary<string, SqliteCommand> commands = [];

    static SqliteSession() => SQLitePCL.Batteries_V2.Init();

    private SqliteSession(SqliteConnection connection) => this.connection = connection;

    public bool IsInTransaction => SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) == 0;

    public static SqliteSession Open(string path) => Open(path, PatienceSeconds);

    /// <summary>Opens the file and begins a transaction, during which no other connection can use it.</summary>
    /// <exception cref="SqliteException">SQLITE_BUSY: another connection is using the file.</exception>
    public static SqliteSession OpenAlone(string path)
    {
        var session = Open(path, patienceSeconds: 1);
        try
        {
            session.RunScript("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL");
            session.RunScript("BEGIN IMMEDIATE");
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    public override IReadOnlyList<(string Placeholder, string Sql)> Dialect { get; } =
    [
        ("{identity}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("{text}", "TEXT"),
        ("{bytes}", "BLOB"),
        ("{clustered}", "WITHOUT ROWID"),
        (
            "{listing triggers}",
            """
            CREATE TRIGGER manifest_lists AFTER INSERT ON manifest BEGIN
                UPDATE repository SET listed = 1 WHERE id = NEW.repository_id AND listed = 0;
            END;
            CREATE TRIGGER manifest_unlists AFTER DELETE ON manifest BEGIN
                UPDATE repository SET listed = 0 WHERE id = OLD.repository_id
                    AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = OLD.repository_id);
            END;
            """),
    ];

    /// <summary>There is one writer.</summary>
    public override string ForUpdate => "";

    public override string ForUpdateSkipLocked => "";

    public override ValueTask LockAsync(RepositoryName repository, bool isShared) => ValueTask.CompletedTask;

    public override async ValueTask<bool> HasTableAsync(string name) =>
        await NumberAsync("SELECT 1 FROM sqlite_master WHERE name = $1", name) is not null;

    /// <summary>There are no other nodes.</summary>
    public override ValueTask AnnounceAsync(string notice) => ValueTask.CompletedTask;

    /// <summary>Jobs were added since this was last set to false.</summary>
    public bool HasNewJobs { get; set; }

    public override ValueTask WakeJobsAsync()
    {
        HasNewJobs = true;
        return ValueTask.CompletedTask;
    }

    public override string? ServerTime => null;

    /// <summary>They go on after the largest that a row was ever given.</summary>
    public override ValueTask ContinueIdentitiesAsync(string table) => ValueTask.CompletedTask;

    public override async ValueTask RunEachAsync(string sql, IReadOnlyCollection<object?[]> rows)
    {
        foreach (var row in rows) await RunAsync(sql, row);
    }

    public override string TextsIn(string parameter) => $"SELECT value FROM json_each({parameter})";

    public override ValueTask RunScriptAsync(string sql)
    {
        RunScript(sql);
        return ValueTask.CompletedTask;
    }

    public void RunScript(string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        foreach (var command in commands.Values) command.Dispose();
        connection.Dispose();
    }

    private static SqliteSession Open(string path, int patienceSeconds)
    {
        // The driver goes on asking for its time-out after SQLite's own ended.
        var options = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Pooling = false,
            DefaultTimeout = patienceSeconds,
        };
        var connection = new SqliteConnection(options.ToString());
        connection.Open();
        var session = new SqliteSession(connection);
        session.RunScript($"PRAGMA busy_timeout = {patienceSeconds * 1000}");
        session.RunScript("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL");
        return session;
    }

    protected override DbCommand Prepare(string sql, ReadOnlySpan<object?> parameters)
    {
        if (!commands.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 1; i <= parameters.Length; i++)
            {
                command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            }

            commands.Add(sql, command);
        }

        for (var i = 0; i < parameters.Length; i++) command.Parameters[i].Value = parameters[i] ?? DBNull.Value;
        return command;
    }

    protected override void Release(DbCommand command)
    {
        // It stays prepared for the next time.
    }
}

/// <summary>Idle sessions for reading.</summary>
internal sealed class SqliteSessionPool(Func<SqliteSession> open) : IDisposable
{
    private readonly ConcurrentBag<SqliteSession> idle = [];

    public SqliteSession Take() => idle.TryTake(out var session) ? session : open();

    public void Return(SqliteSession session) => idle.Add(session);

    public void Dispose()
    {
        while (idle.TryTake(out var session)) session.Dispose();
    }
}
