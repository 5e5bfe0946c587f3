using Berth.Settings;

namespace Berth.Metadata;

/// <summary>
/// The registry's metadata. The tables and statements are the same on both engines; what differs is here and in
/// <see cref="Session"/>.
/// </summary>
internal abstract class Database : IAsyncDisposable
{
    /// <summary>Jobs were added, here or by another node. Best effort: some additions go unnoticed.</summary>
    public event Action? JobsAdded;

    /// <summary>Its location, for people.</summary>
    public abstract string Name { get; }

    /// <summary>Opens the database that the settings name, creating its tables or bringing them up to date.</summary>
    /// <param name="settings">Which.</param>
    /// <param name="sqlitePath">The file, where the settings name no server.</param>
    /// <param name="clock">The time.</param>
    /// <exception cref="InvalidDataException">The tables are those of a newer Berth.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static async Task<Database> OpenAsync(DatabaseSettings settings, string sqlitePath, TimeProvider clock) =>
        settings.Host is null
            ? await SqliteDatabase.OpenAsync(sqlitePath)
            : await PostgresDatabase.OpenAsync(settings, clock);

    /// <summary>The migrations that <see cref="OpenAsync"/> would apply, in order.</summary>
    /// <exception cref="InvalidDataException">The tables are those of a newer Berth.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static Task<List<Migration>> FindPendingAsync(
        DatabaseSettings settings, string sqlitePath, TimeProvider clock) => settings.Host is null
            ? SqliteDatabase.FindPendingAsync(sqlitePath)
            : PostgresDatabase.FindPendingAsync(settings, clock);

    /// <summary>Opens the database beside servers that may be using it: nothing is created or changed.</summary>
    /// <exception cref="InvalidDataException">It does not exist, or its tables are of another version.</exception>
    /// <exception cref="DatabaseUnavailableException">The server does not respond.</exception>
    public static async Task<Database> OpenBesideAsync(
        DatabaseSettings settings, string sqlitePath, TimeProvider clock) => settings.Host is null
            ? await SqliteDatabase.OpenBesideAsync(sqlitePath)
            : await PostgresDatabase.OpenBesideAsync(settings, clock);

    /// <summary>Runs a read. It sees every write whose task completed before it began.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public abstract ValueTask<T> ReadAsync<T>(
        Func<Session, ValueTask<T>> query, CancellationToken cancellation = default);

    /// <summary>Runs reads that all see the same point in time, beside writes and however long they take.</summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public abstract Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation);

    /// <summary>
    /// Runs a write in a transaction. All its effects are committed when the task completes; an exception rolls them
    /// back. A durable write survives a power cut, together with every write before it; others survive a crash of the
    /// process. It may run more than once, if the database aborted the first attempt, so it must have no side effects.
    /// A cancelled write has done nothing, unless the cancellation came too late: then it is done, and the task
    /// succeeds.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public abstract Task<T> WriteAsync<T>(
        Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default);

    /// <summary>
    /// Runs work in one transaction with exclusive use of the database: a running server is detected, and one that
    /// starts fails or waits. An exception rolls the work back.
    /// </summary>
    /// <exception cref="DatabaseInUseException">A server is using it.</exception>
    public abstract Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation);

    /// <summary>
    /// Sees at once whether servers use the database, for long work that ends with <see cref="UseAloneAsync"/>. A
    /// SQLite file is in a folder that its user holds already.
    /// </summary>
    /// <exception cref="DatabaseInUseException">A server is using it.</exception>
    public virtual Task RequireUnusedAsync(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>What the engine itself finds wrong with its data, one line each.</summary>
    public abstract Task<List<string>> CheckAsync(CancellationToken cancellation);

    /// <summary>Starts listening for other nodes' changes; null if there are none.</summary>
    /// <param name="forget">Called with each notice of <see cref="Session.AnnounceAsync"/>.</param>
    /// <param name="forgetAll">Called when notices may have been lost.</param>
    /// <param name="log">Where it is logged that other nodes can't be heard.</param>
    public virtual PostgresListener? Listen(Action<string> forget, Action forgetAll, ILogger log) => null;

    public abstract ValueTask DisposeAsync();

    protected void TellOfJobs() => JobsAdded?.Invoke();
}

/// <summary>Someone else is using the database, and must not.</summary>
internal sealed class DatabaseInUseException(string message) : Exception(message);

/// <summary>The database does not respond. The same request may succeed in a moment.</summary>
internal sealed class DatabaseUnavailableException(string message, Exception? cause = null) : Exception(message, cause);
