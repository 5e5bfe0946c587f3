using System.Threading.Channels;
using Berth.Oci;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>
/// The metadata in a SQLite file. Reads run on pooled connections. Writes run one after another on a single connection,
/// and those that wait together share one transaction, each behind its own savepoint: a commit costs one fsync however
/// many clients push.
/// </summary>
internal sealed class SqliteDatabase : Database
{
    private const int MaxWritesPerCommit = 256;

    private readonly Channel<PendingWrite> writes = Channel.CreateBounded<PendingWrite>(
        new BoundedChannelOptions(4096) { SingleReader = true });

    private readonly SqliteSessionPool readers;
    private SqliteSession? writer;
    private readonly Task writing;
    private bool isWriterDurable;

    private SqliteDatabase(string path)
    {
        readers = new SqliteSessionPool(() => SqliteSession.Open(path));
        Name = path;
        writing = Task.Run(WriteAllAsync);
    }

    public override string Name { get; }

    /// <summary>Opens the file, creating it and bringing its tables up to date where needed.</summary>
    /// <exception cref="InvalidDataException">The file was written by a newer Berth.</exception>
    public static async Task<SqliteDatabase> OpenAsync(string path)
    {
        using (var session = SqliteSession.Open(path))
        {
            session.RunScript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
            await session.RunAsync("BEGIN IMMEDIATE");
            await Migrations.ApplyAsync(session);
            await session.RunAsync("COMMIT");
        }

        return new SqliteDatabase(path);
    }

    /// <summary>Tells which migrations the file lacks: all of them where there is none.</summary>
    /// <exception cref="InvalidDataException">The file was written by a newer Berth.</exception>
    public static async Task<List<Migration>> FindPendingAsync(string path)
    {
        if (!File.Exists(path)) return [.. Migrations.Known];
        using var session = SqliteSession.Open(path);
        return await Migrations.FindPendingAsync(session);
    }

    /// <summary>Opens the file beside a server that may use it: nothing is created or brought up to date.</summary>
    /// <exception cref="InvalidDataException">It is not there, or its tables are another version's.</exception>
    public static async Task<SqliteDatabase> OpenBesideAsync(string path)
    {
        if (!File.Exists(path)) throw new InvalidDataException($"there is no database at {path}");
        using (var session = SqliteSession.Open(path)) await Migrations.RequireCurrentAsync(session);
        return new SqliteDatabase(path);
    }

    public override async ValueTask<T> ReadAsync<T>(Func<Session, ValueTask<T>> query)
    {
        var session = readers.Take();
        try
        {
            return await query(session);
        }
        finally
        {
            readers.Return(session);
        }
    }

    public override async Task<T> WriteAsync<T>(Func<Session, ValueTask<T>> change, bool isDurable)
    {
        var pending = new PendingWrite<T>(change, isDurable);
        await writes.Writer.WriteAsync(pending);
        return await pending.Completion.Task;
    }

    public override async Task UseAloneAsync(Func<Session, Task> work)
    {
        // This database's own idle connections would be in the way too.
        readers.Dispose();
        writer?.Dispose();
        writer = null;
        using var session = OpenAlone();
        await work(session);
        await session.RunAsync("COMMIT");
    }

    public override async Task<List<string>> CheckAsync()
    {
        var lines = await ReadAsync(s => s.AllAsync("PRAGMA quick_check(20)", row => row.GetString(0)));
        return lines.FindAll(line => line != "ok");
    }

    public override async ValueTask DisposeAsync()
    {
        writes.Writer.Complete();
        await writing;
        writer?.Dispose();
        readers.Dispose();
    }

    private SqliteSession OpenAlone()
    {
        try
        {
            return SqliteSession.OpenAlone(Name);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED)
        {
            throw new DatabaseInUseException($"another program uses the database {Name}: stop it first");
        }
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<PendingWrite>(MaxWritesPerCommit);
        while (await writes.Reader.WaitToReadAsync())
        {
            while (batch.Count < MaxWritesPerCommit && writes.Reader.TryRead(out var write)) batch.Add(write);
            await CommitAsync(batch);
            batch.Clear();
        }
    }

    private async Task CommitAsync(List<PendingWrite> batch)
    {
        try
        {
            writer ??= SqliteSession.Open(Name);
            SetDurability(writer, batch.Exists(w => w.IsDurable));
            await writer.RunAsync("BEGIN IMMEDIATE");
            foreach (var write in batch) await RunInSavepointAsync(writer, write);
            await writer.RunAsync("COMMIT");
            foreach (var write in batch) write.Complete();
            if (writer.HasNewJobs) TellOfJobs();
            writer.HasNewJobs = false;
        }
        catch (Exception e)
        {
            await RollBackAsync();
            foreach (var write in batch) write.Fail(e);
        }
    }

    /// <summary>Where even this fails, the next commit can't begin either, and comes here again.</summary>
    private async Task RollBackAsync()
    {
        try
        {
            if (writer is { IsInTransaction: true }) await writer.RunAsync("ROLLBACK");
        }
        catch (SqliteException)
        {
            // The writes fail with the cause of it.
        }
    }

    /// <summary>FULL syncs the write-ahead log at commit, with all that earlier commits left in it.</summary>
    private void SetDurability(SqliteSession session, bool isDurable)
    {
        if (isDurable == isWriterDurable) return;
        session.RunScript(isDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        isWriterDurable = isDurable;
    }

    private static async Task RunInSavepointAsync(SqliteSession session, PendingWrite write)
    {
        await session.RunAsync("SAVEPOINT write");
        try
        {
            await write.RunAsync(session);
            await session.RunAsync("RELEASE write");
        }
        catch (Exception e) when (session.IsInTransaction)
        {
            await session.RunAsync("ROLLBACK TO write");
            await session.RunAsync("RELEASE write");
            write.Fail(e);
        }
    }

    private abstract class PendingWrite(bool isDurable)
    {
        public bool IsDurable { get; } = isDurable;

        public abstract Task RunAsync(Session session);

        public abstract void Complete();

        public abstract void Fail(Exception e);
    }

    private sealed class PendingWrite<T>(Func<Session, ValueTask<T>> change, bool isDurable) : PendingWrite(isDurable)
    {
        private T result = default!;

        public TaskCompletionSource<T> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async Task RunAsync(Session session) => result = await change(session);

        public override void Complete() => Completion.TrySetResult(result);

        public override void Fail(Exception e) => Completion.TrySetException(e);
    }
}
