using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>
/// The registry's metadata in SQLite. Reads run on pooled connections. Writes run one after another on a single
/// connection, and those that wait together share one transaction, each behind its own savepoint: a commit costs one
/// fsync however many clients push.
/// </summary>
internal sealed class Database : IAsyncDisposable
{
    private const int MaxWritesPerCommit = 256;

    private readonly Channel<PendingWrite> writes = Channel.CreateBounded<PendingWrite>(
        new BoundedChannelOptions(4096) { SingleReader = true });

    private readonly SessionPool readers;
    private readonly Session writer;
    private readonly Task writing;
    private bool isWriterDurable;

    private Database(string path)
    {
        readers = new SessionPool(() => Session.Open(path));
        writer = Session.Open(path);
        writing = Task.Run(WriteAllAsync);
    }

    /// <summary>Opens the file, creating it and bringing its tables up to date where needed.</summary>
    /// <exception cref="InvalidDataException">The file was written by a newer Berth.</exception>
    public static Database Open(string path)
    {
        SqliteLibrary.Load();
        using (var session = Session.Open(path))
        {
            session.RunScript("PRAGMA journal_mode = WAL");
            Migrations.Apply(session);
        }

        return new Database(path);
    }

    /// <summary>Opens the file beside a server that may use it: nothing is created or brought up to date.</summary>
    /// <exception cref="InvalidDataException">It is not there, or its tables are another version's.</exception>
    public static Database OpenBeside(string path)
    {
        if (!File.Exists(path)) throw new InvalidDataException($"there is no database at {path}");
        SqliteLibrary.Load();
        using (var session = Session.Open(path)) Migrations.RequireCurrent(session);
        return new Database(path);
    }

    /// <summary>Runs a read. It sees every write whose task ended before it began.</summary>
    public T Read<T>(Func<Session, T> query)
    {
        var session = readers.Take();
        try
        {
            return query(session);
        }
        finally
        {
            readers.Return(session);
        }
    }

    /// <summary>
    /// Runs a write in a transaction. All its effects are committed when the task ends; a throw undoes them.
    /// A durable write survives a power cut together with every write before it; others survive a crash of the process.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<Session, T> change, bool isDurable)
    {
        var pending = new PendingWrite<T>(change, isDurable);
        await writes.Writer.WriteAsync(pending);
        return await pending.Completion.Task;
    }

    public async ValueTask DisposeAsync()
    {
        writes.Writer.Complete();
        await writing;
        writer.Dispose();
        readers.Dispose();
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<PendingWrite>(MaxWritesPerCommit);
        while (await writes.Reader.WaitToReadAsync())
        {
            while (batch.Count < MaxWritesPerCommit && writes.Reader.TryRead(out var write)) batch.Add(write);
            Commit(batch);
            batch.Clear();
        }
    }

    private void Commit(List<PendingWrite> batch)
    {
        try
        {
            SetDurability(batch.Exists(w => w.IsDurable));
            writer.Run("BEGIN IMMEDIATE");
            foreach (var write in batch) RunInSavepoint(write);
            writer.Run("COMMIT");
            foreach (var write in batch) write.Complete();
        }
        catch (Exception e)
        {
            RollBack();
            foreach (var write in batch) write.Fail(e);
        }
    }

    /// <summary>Where even this fails, the next commit can't begin either, and comes here again.</summary>
    private void RollBack()
    {
        try
        {
            if (writer.IsInTransaction) writer.Run("ROLLBACK");
        }
        catch (SqliteException)
        {
            // The writes fail with the cause of it.
        }
    }

    /// <summary>FULL syncs the write-ahead log at commit, with all that earlier commits left in it.</summary>
    private void SetDurability(bool isDurable)
    {
        if (isDurable == isWriterDurable) return;
        writer.RunScript(isDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        isWriterDurable = isDurable;
    }

    private void RunInSavepoint(PendingWrite write)
    {
        writer.Run("SAVEPOINT write");
        try
        {
            write.Run(writer);
            writer.Run("RELEASE write");
        }
        catch (Exception e) when (writer.IsInTransaction)
        {
            writer.Run("ROLLBACK TO write");
            writer.Run("RELEASE write");
            write.Fail(e);
        }
    }

    private abstract class PendingWrite(bool isDurable)
    {
        public bool IsDurable { get; } = isDurable;

        public abstract void Run(Session session);

        public abstract void Complete();

        public abstract void Fail(Exception e);
    }

    private sealed class PendingWrite<T>(Func<Session, T> change, bool isDurable) : PendingWrite(isDurable)
    {
        private T result = default!;

        public TaskCompletionSource<T> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override void Run(Session session) => result = change(session);

        public override void Complete() => Completion.TrySetResult(result);

        public override void Fail(Exception e) => Completion.TrySetException(e);
    }
}
