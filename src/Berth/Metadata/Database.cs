using Berth.Oci;

namespace Berth.Metadata;

/// <summary>
/// The registry's metadata. The tables and statements are the same on both engines; what differs is here and in
/// <see cref="Session"/>.
/// </summary>
internal abstract class Database : IAsyncDisposable
{
    /// <summary>Where it is, for people.</summary>
    public abstract string Name { get; }

    /// <summary>Runs a read. It sees every write whose task ended before it began.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be asked at the moment.</exception>
    public abstract ValueTask<T> ReadAsync<T>(Func<Session, ValueTask<T>> query);

    /// <summary>
    /// Runs a write in a transaction. All its effects are committed when the task ends; a throw undoes them.
    /// A durable write survives a power cut together with every write before it; others survive a crash of the process.
    /// It may run more than once, where the database gave up the first try: it must have no effects of its own.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be asked at the moment.</exception>
    public abstract Task<T> WriteAsync<T>(Func<Session, ValueTask<T>> change, bool isDurable);

    /// <summary>
    /// Keeps other transactions that lock the same from going on until this one ends. SQLite has one writer anyway.
    /// </summary>
    /// <param name="session">The session of a write.</param>
    /// <param name="repository">The repository, which may not be there yet.</param>
    /// <param name="isShared">True: only against those that lock it alone.</param>
    public abstract ValueTask LockAsync(Session session, RepositoryName repository, bool isShared);

    /// <summary>What the engine itself finds wrong with its data, a line each.</summary>
    public abstract Task<List<string>> CheckAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>The database does not answer. The same request may succeed in a moment.</summary>
internal sealed class DatabaseUnavailableException(string message, Exception? cause = null) : Exception(message, cause);
