using System.Collections.Concurrent;
using System.Data.Common;
using Berth.Oci;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>A connection to a SQLite file with its prepared commands. Its methods return completed tasks.</summary>
internal sealed class SqliteSession : Session, IDisposable
{
    /// <summary>How long a read or a write waits for another process that has locked the file.</summary>
    public const int PatienceSeconds = 10;

    private readonly SqliteConnection connection;
    private readonly Dictionary<string, SqliteCommand> commands = [];

    static SqliteSession() => SQLitePCL.Batteries_V2.Init();

    private SqliteSession(SqliteConnection connection) => this.connection = connection;

    public bool IsInTransaction => SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) == 0;

    /// <summary>Opens the file, creating it if missing.</summary>
    public static SqliteSession Open(string path) => Open(path, PatienceSeconds, SqliteOpenMode.ReadWriteCreate);

    /// <summary>Opens an existing file.</summary>
    /// <exception cref="SqliteException">SQLITE_CANTOPEN: it does not exist.</exception>
    public static SqliteSession OpenExisting(string path) => Open(path, PatienceSeconds, SqliteOpenMode.ReadWrite);

    /// <summary>Opens an existing file for the one who writes, and who asks again if another process has locked it.
    /// </summary>
    /// <exception cref="SqliteException">SQLITE_CANTOPEN: it does not exist.</exception>
    public static SqliteSession OpenForWriting(string path) => Open(path, patienceSeconds: 1, SqliteOpenMode.ReadWrite);

    /// <summary>
    /// Opens a file on a read-only file system. If there is a log, SQLite reads both, provided that the log's index
    /// exists too; without a log, the file is opened as immutable.
    /// </summary>
    /// <exception cref="InvalidDataException">The log can't be read there.</exception>
    public static SqliteSession OpenUnwritable(string path)
    {
        var log = new FileInfo(WriteAheadLog.PathOf(path));
        if (!log.Exists || log.Length == 0)
        {
            var address = new Uri(Path.GetFullPath(path)).AbsoluteUri;
            return Open($"{address}?immutable=1", PatienceSeconds, SqliteOpenMode.ReadOnly);
        }

        var session = Open(path, PatienceSeconds, SqliteOpenMode.ReadOnly);
        try
        {
            session.RunScript("SELECT count(*) FROM sqlite_master");
            return session;
        }
        catch (SqliteException e)
        {
            session.Dispose();
            throw new InvalidDataException(
                $"the database {path} is read-only, and its log {log.Name} can't be read there ({e.Message}): "
                + "copy both to a writable folder", e);
        }
    }

    /// <summary>Opens the file and begins a transaction, during which no other connection can use it.</summary>
    /// <exception cref="SqliteException">SQLITE_BUSY: another connection is using the file.</exception>
    public static SqliteSession OpenAlone(string path)
    {
        var session = Open(path, patienceSeconds: 1, SqliteOpenMode.ReadWriteCreate);
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

    /// <summary>What lists of repositories are filtered by.</summary>
    private const string FilteredColumns = ", is_public, is_official, newest_tag, artifact_type, platforms";

    public override IReadOnlyList<(string Placeholder, string Sql)> Dialect { get; } =
    [
        ("{identity}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("{text}", "TEXT"),
        ("{bytes}", "BLOB"),
        ("{clustered}", "WITHOUT ROWID"),
        ("{namespace of r.name}", "substr(r.name, 1, instr(r.name || '/', '/') - 1)"),
        ("{start of v.word}", "substr(v.word, 1, instr(v.word || '-', '-') - 1)"),
        ("{usage triggers}", SqliteUsageTriggers.Text),
        ("{journal triggers}", JournalTriggers.Sqlite),
        ("{newest tag triggers}", NewestTagTriggers.Sqlite),
        ("{own tag}", TagTable.IsOwn("t.name")),
        ("{filtered columns}", FilteredColumns),
        (
            "{filtered names}",
            $"CREATE INDEX repository_by_name ON repository (name{FilteredColumns}) WHERE listed = 1;"),
        ("{search triggers}", SearchTriggers.Sqlite),
        (
            "{unlisting trigger}",
            """
            DROP TRIGGER manifest_unlists;
            CREATE TRIGGER manifest_unlists AFTER DELETE ON manifest BEGIN
                UPDATE repository SET listed = 0 WHERE id = OLD.repository_id AND listed = 1
                    AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = OLD.repository_id);
            END;
            """),
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

    public override string ForNoKeyUpdate => "";

    public override string ForUpdateSkipLocked => "";

    public override ValueTask LockAsync(RepositoryName repository, bool isShared) => ValueTask.CompletedTask;

    public override async ValueTask<bool> HasTableAsync(string name) =>
        await NumberAsync("SELECT 1 FROM sqlite_master WHERE name = $1", name) is not null;

    /// <summary>Whether a server may be using the file too, which reads its notices from a table.</summary>
    public bool IsBeside { get; set; }

    public override async ValueTask AnnounceAsync(string notice)
    {
        if (IsBeside) await RunAsync("INSERT INTO notice (text) VALUES ($1)", notice);
    }

    /// <summary>Jobs were added since this was last set to false.</summary>
    public bool HasNewJobs { get; set; }

    public override ValueTask WakeJobsAsync()
    {
        HasNewJobs = true;
        return ValueTask.CompletedTask;
    }

    public override string? ServerTime => null;

    /// <summary>They continue after the largest id ever used.</summary>
    public override ValueTask ContinueIdentitiesAsync(string table) => ValueTask.CompletedTask;

    /// <summary>Counting costs the same for each link, however many there are: it goes on.</summary>
    public override ValueTask CountUsageAsync(bool isOn) => ValueTask.CompletedTask;

    public override async ValueTask RunEachAsync(string sql, IReadOnlyCollection<object?[]> rows)
    {
        foreach (var row in rows) await RunAsync(sql, row);
    }

    public override async ValueTask<List<List<T>>> AllOfEachAsync<T>(
        string sql, Func<DbDataReader, T> read, IReadOnlyCollection<object?[]> parameters)
    {
        var all = new List<List<T>>(parameters.Count);
        foreach (var row in parameters) all.Add(await AllAsync(sql, read, row));
        return all;
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

    /// <summary>
    /// Reads the first and the last row of each table and index, which finds damage that prevents any use.
    /// </summary>
    public async ValueTask TouchTablesAsync()
    {
        foreach (var table in await AllAsync(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            row => row.GetString(0)))
        {
            RunScript($"SELECT * FROM \"{table}\" LIMIT 1");
        }

        foreach (var (table, column) in await AllAsync(
            """
            SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.pk = 1
            """,
            row => (row.GetString(0), row.GetString(1))))
        {
            await NumberAsync($"SELECT max(\"{column}\") IS NULL FROM \"{table}\"");
        }
    }

    public void Dispose()
    {
        foreach (var command in commands.Values) command.Dispose();
        connection.Dispose();
    }

    private static SqliteSession Open(string path, int patienceSeconds, SqliteOpenMode mode)
    {
        // The driver keeps retrying for its own timeout after SQLite's has expired.
        var options = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode,
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
        // It stays prepared for reuse.
    }
}

/// <summary>Idle sessions for reading.</summary>
internal sealed class SqliteSessionPool(Func<SqliteSession> open) : IDisposable
{
    private const int Attempts = 100;
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentBag<SqliteSession> idle = [];
    private int opened;

    /// <summary>
    /// Takes an idle session, or opens another. If that fails, for example for lack of descriptors, waits up to a
    /// second for one to be returned, if there are any.
    /// </summary>
    public async ValueTask<SqliteSession> TakeAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            if (idle.TryTake(out var session)) return session;
            try
            {
                session = open();
                Interlocked.Increment(ref opened);
                return session;
            }
            catch (Exception e) when (e is SqliteException or DatabaseUnavailableException
                && attempt < Attempts && Volatile.Read(ref opened) > 0)
            {
                await Task.Delay(BetweenAttempts);
            }
        }
    }

    public void Return(SqliteSession session) => idle.Add(session);

    public void Dispose()
    {
        while (idle.TryTake(out var session)) session.Dispose();
    }
}
