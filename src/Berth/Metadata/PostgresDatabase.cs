using System.Data;
using System.Net.Sockets;
using Berth.Oci;
using Berth.Settings;
using Npgsql;

namespace Berth.Metadata;

/// <summary>
/// The metadata in PostgreSQL, shared by any number of nodes. Writes run concurrently at READ COMMITTED; what a write
/// reads and relies on until its commit, it protects with <see cref="Session.LockAsync"/>. Transient failures are
/// retried, and then reported as <see cref="DatabaseUnavailableException"/>. While the database is away, requests fail
/// at once instead of each waiting for a connection.
/// </summary>
internal sealed class PostgresDatabase : Database
{
    /// <summary>How long no connection is attempted after one failed.</summary>
    private static readonly TimeSpan RestAfterFailure = TimeSpan.FromMilliseconds(500);

    private readonly NpgsqlDataSource source;
    private readonly PostgresSettings settings;
    private readonly TimeProvider clock;
    private volatile string? failure;
    private long restUntil;
    private int probing;

    private PostgresDatabase(PostgresSettings settings, TimeProvider clock)
    {
        (this.settings, this.clock) = (settings, clock);
        source = NpgsqlDataSource.Create(settings.ConnectionString);
    }

    public override string Name => settings.Name;

    /// <summary>Connects, and brings the tables up to date unless another node is doing it or has done it.</summary>
    /// <exception cref="InvalidDataException">The tables are those of a newer Berth.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static Task<PostgresDatabase> OpenAsync(DatabaseSettings settings, TimeProvider clock) => ConnectAsync(
        settings, clock, database => database.WriteAsync(
            async session =>
            {
                await LockSchemaAsync(session);
                await Migrations.ApplyAsync(session);
                return true;
            },
            isDurable: true));

    /// <summary>The migrations that the database lacks.</summary>
    /// <exception cref="InvalidDataException">The tables are those of a newer Berth.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static async Task<List<Migration>> FindPendingAsync(DatabaseSettings settings, TimeProvider clock)
    {
        await using var database = new PostgresDatabase(new PostgresSettings(settings), clock);
        return await database.ReadAsync(Migrations.FindPendingAsync);
    }

    /// <summary>Connects to tables that are already up to date: nothing is created or changed.</summary>
    /// <exception cref="InvalidDataException">The tables are of another version.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static Task<PostgresDatabase> OpenBesideAsync(DatabaseSettings settings, TimeProvider clock) => ConnectAsync(
        settings, clock, async database => await database.ReadAsync(async session =>
        {
            await Migrations.RequireCurrentAsync(session);
            return true;
        }));

    public override ValueTask<T> ReadAsync<T>(
        Func<Session, ValueTask<T>> query, CancellationToken cancellation = default) => new(AttemptAsync(
            async attempt =>
            {
                await using var connection = await TakeAsync(attempt, cancellation);
                return await query(new PostgresSession(connection) { Cancellation = cancellation });
            },
            cancellation));

    /// <summary>Not retried: the work may have had effects outside.</summary>
    public override async Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(
            IsolationLevel.RepeatableRead, cancellation);
        await work(new PostgresSession(connection) { Cancellation = cancellation });
    }

    /// <summary>
    /// A write that need not be durable does not wait for the disk with its rows locked, which others may want: the
    /// next one that is durable takes it to the disk. PostgreSQL groups concurrent commits by itself. A commit that has
    /// begun is not cancelled, since nobody could tell whether it happened.
    /// </summary>
    public override Task<T> WriteAsync<T>(
        Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default) => AttemptAsync(
            async attempt =>
            {
                await using var connection = await TakeAsync(attempt, cancellation);
                await using var transaction = await connection.BeginTransactionAsync(cancellation);
                var session = new PostgresSession(connection) { Cancellation = cancellation };
                if (!isDurable) await session.RunAsync("SET LOCAL synchronous_commit = off");
                var result = await change(session);
                attempt.IsCommitting = true;
                await transaction.CommitAsync(CancellationToken.None);
                return result;
            },
            cancellation);

    /// <summary>
    /// Servers take the schema lock when they start, and keep a connection open for listening while they run.
    /// </summary>
    public override async Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation)
    {
        // Must not find this process's own idle connections.
        source.Clear();
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var session = new PostgresSession(connection) { Cancellation = cancellation };
        await LockSchemaAsync(session);
        for (var waited = 0; await CountOthersAsync(session) > 0; waited++)
        {
            if (waited == 20) throw new DatabaseInUseException($"servers use the database {Name}: stop them first");
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, cancellation);
        }

        await work(session);
        await transaction.CommitAsync(CancellationToken.None);
    }

    public override Task RequireUnusedAsync(CancellationToken cancellation) =>
        UseAloneAsync(_ => Task.CompletedTask, cancellation);

    /// <summary>PostgreSQL checks its pages itself if data_checksums is on.</summary>
    public override Task<List<string>> CheckAsync(CancellationToken cancellation) => Task.FromResult<List<string>>([]);

    public override PostgresListener Listen(Action<string> forget, Action forgetAll, ILogger log) =>
        new PostgresListener(settings, forget, forgetAll, TellOfJobs, NotifyAsync, clock, log);

    public override ValueTask DisposeAsync() => source.DisposeAsync();

    /// <summary>One node at a time; none waits long for nodes that serve with the old tables.</summary>
    private static async ValueTask LockSchemaAsync(Session session)
    {
        await session.RunAsync("SELECT pg_advisory_xact_lock(hashtextextended('berth schema', 1))");
        await session.RunAsync("SET LOCAL lock_timeout = '5s'");
    }

    /// <summary>Connections of servers and commands. Those that just ended remain visible for a moment.</summary>
    private static async ValueTask<long> CountOthersAsync(Session session)
    {
        // Within a transaction the list is a snapshot, unless a new one is requested.
        await session.RunAsync("SELECT pg_stat_clear_snapshot()");
        return await session.NumberAsync(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()
            """,
            PostgresSettings.ApplicationName) ?? 0;
    }

    private static async Task<PostgresDatabase> ConnectAsync(
        DatabaseSettings settings, TimeProvider clock, Func<PostgresDatabase, Task> begin)
    {
        var database = new PostgresDatabase(new PostgresSettings(settings), clock);
        try
        {
            await begin(database);
            return database;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    private async Task NotifyAsync(string channel, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand("SELECT pg_notify($1, '')", connection)
        {
            Parameters = { new NpgsqlParameter { Value = channel } },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private async Task<NpgsqlConnection> TakeAsync(Attempt attempt, CancellationToken cancellation)
    {
        var connection = await source.OpenConnectionAsync(cancellation);
        attempt.IsConnected = true;

        // The probe has shown that the database is back: nobody need wait for its statement too.
        if (failure is not null) failure = null;
        return connection;
    }

    private async Task<T> AttemptAsync<T>(Func<Attempt, Task<T>> work, CancellationToken cancellation)
    {
        var isProbe = Enter();
        try
        {
            for (var number = 0; ; number++)
            {
                var attempt = new Attempt();
                try
                {
                    return await work(attempt);
                }
                catch (Exception e) when (IsPassing(e) || (!attempt.IsConnected && e is NpgsqlException))
                {
                    // A commit that was cut off may have happened: only the client can safely repeat its request.
                    var isLast = number >= settings.Retries || IsTimeout(e)
                        || (attempt.IsCommitting && !IsUndone(e));
                    if (IsReadOnly(e)) source.Clear();
                    else if (IsOfTheConnection(e, attempt)) Note(e, isAway: number > 1 || !attempt.IsConnected);
                    if (isLast) throw new DatabaseUnavailableException(e.Message, e);

                    await Task.Delay(settings.RetryDelay * (number + 1), clock, cancellation);
                }
            }
        }
        finally
        {
            if (isProbe) Volatile.Write(ref probing, 0);
        }
    }

    /// <summary>While the database is away, one request at a time probes whether it is back.</summary>
    /// <returns>Whether this request is the probe.</returns>
    private bool Enter()
    {
        if (failure is not { } reason) return false;
        if (clock.GetTimestamp() < Volatile.Read(ref restUntil) || Interlocked.Exchange(ref probing, 1) != 0)
        {
            throw new DatabaseUnavailableException(reason);
        }

        return true;
    }

    /// <summary>
    /// A pooled connection may have been closed long ago although the database is fine, and the server may end the
    /// fresh one after it too: only the third in a row says that the database is away, or one that can't be opened.
    /// </summary>
    private void Note(Exception e, bool isAway)
    {
        // Pooled connections break together: the next one may be just as old.
        source.Clear();
        if (!isAway) return;
        Volatile.Write(
            ref restUntil, clock.GetTimestamp() + (long)(RestAfterFailure.TotalSeconds * clock.TimestampFrequency));
        failure = e.Message;
    }

    /// <summary>
    /// A slow statement, a wait for the pool, and other errors reported by the server do not mean that the database is
    /// away: they fail only the request that met them.
    /// </summary>
    private static bool IsOfTheConnection(Exception e, Attempt attempt) => e switch
    {
        PostgresException answer => answer.SqlState is PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow,
        _ when attempt.IsConnected => !IsTimeout(e),
        _ => !IsPoolEmpty(e),
    };

    /// <summary>The driver has no error code for it, only the message.</summary>
    private static bool IsPoolEmpty(Exception e) =>
        IsTimeout(e) && e.Message.StartsWith("The connection pool has been exhausted", StringComparison.Ordinal);

    private static bool IsPassing(Exception e) => e switch
    {
        // The driver counts it among them, but it lasts until somebody makes room.
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => false,
        NpgsqlException { IsTransient: true } or SocketException or TimeoutException => true,
        _ => e.InnerException is SocketException or TimeoutException or EndOfStreamException || IsTimeout(e)
            || IsReadOnly(e),
    };

    /// <summary>
    /// The server takes no writes: it is a standby, or was made one. Another may have taken over its name, which only
    /// new connections reach. Reads work all the same.
    /// </summary>
    private static bool IsReadOnly(Exception e) =>
        e is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction };

    /// <summary>A timeout: Berth's own, or the server's <c>statement_timeout</c>.</summary>
    private static bool IsTimeout(Exception e) => e is TimeoutException
        or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled }
        || e.InnerException is TimeoutException;

    private static bool IsUndone(Exception e) => e is PostgresException
    {
        SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected
    };

    private sealed class Attempt
    {
        public bool IsConnected { get; set; }

        public bool IsCommitting { get; set; }
    }
}
