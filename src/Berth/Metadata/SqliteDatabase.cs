using System.Threading.Channels;
using Berth.Disk;
using Berth.Oci;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>
/// The metadata in a SQLite file. Reads run on pooled connections. Writes run one after another on a single connection.
/// Those waiting at the same time share one transaction, each behind its own savepoint, so a commit costs one fsync
/// however many clients push.
/// </summary>
internal sealed class SqliteDatabase : Database
{
    private const int MaxWritesPerCommit = 256;

    /// <summary>Up to this size, the check takes a tenth of a second, or a second on a slow disk.</summary>
    private const long MostCheckedBytes = 32 << 20;

    private readonly Channel<PendingWrite> writes = Channel.CreateBounded<PendingWrite>(
        new BoundedChannelOptions(4096) { SingleReader = true });

    private readonly SqliteSessionPool readers;
    private readonly SqliteWriter? writer;
    private readonly Task writing;

    /// <param name="path">The file.</param>
    /// <param name="isReadOnly">Whether it is on a read-only file system.</param>
    /// <param name="isBeside">Whether a server may be using it too.</param>
    private SqliteDatabase(string path, bool isReadOnly, bool isBeside = false)
    {
        Name = path;
        writer = isReadOnly ? null : new SqliteWriter(path, isBeside);
        readers = new SqliteSessionPool(() =>
        {
            writer?.RequireSameFile();
            return isReadOnly ? SqliteSession.OpenUnwritable(path) : SqliteSession.OpenExisting(path);
        });
        writing = Task.Run(WriteAllAsync);
    }

    public override string Name { get; }

    /// <summary>Opens the file, creating it and bringing its tables up to date where needed.</summary>
    /// <exception cref="InvalidDataException">The file was written by a newer Berth, or is damaged.</exception>
    public static async Task<SqliteDatabase> OpenAsync(string path)
    {
        try
        {
            using var session = SqliteSession.Open(path);
            session.RunScript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
            await session.RunAsync("BEGIN IMMEDIATE");
            await Migrations.ApplyAsync(session);
            await session.RunAsync("COMMIT");
            await RequireSoundAsync(session, path);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == SQLitePCL.raw.SQLITE_CORRUPT)
        {
            throw Damaged(path, e.Message);
        }

        return new SqliteDatabase(path, isReadOnly: false);
    }

    /// <summary>Opens a file on a read-only file system: only reads will work.</summary>
    /// <exception cref="InvalidDataException">It does not exist, or its tables are of another version.</exception>
    public static async Task<SqliteDatabase> OpenReadOnlyAsync(string path)
    {
        if (!File.Exists(path)) throw Missing(path);
        using (var session = SqliteSession.OpenUnwritable(path)) await Migrations.RequireCurrentAsync(session);
        return new SqliteDatabase(path, isReadOnly: true);
    }

    /// <summary>The migrations that the file lacks: all of them if it does not exist.</summary>
    /// <exception cref="InvalidDataException">The file was written by a newer Berth.</exception>
    public static async Task<List<Migration>> FindPendingAsync(string path)
    {
        if (!File.Exists(path)) return [.. Migrations.Known];
        using var session = SqliteSession.Open(path);
        return await Migrations.FindPendingAsync(session);
    }

    /// <summary>Opens the file beside a server that may be using it: nothing is created or migrated.</summary>
    /// <exception cref="InvalidDataException">It does not exist, or its tables are of another version.</exception>
    public static async Task<SqliteDatabase> OpenBesideAsync(string path)
    {
        if (!File.Exists(path)) throw Missing(path);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!PathAccess.IsWritable(folder)) return await OpenReadOnlyAsync(path);
        using (var session = SqliteSession.Open(path)) await Migrations.RequireCurrentAsync(session);
        return new SqliteDatabase(path, isReadOnly: false, isBeside: true);
    }

    public override async ValueTask<T> ReadAsync<T>(
        Func<Session, ValueTask<T>> query, CancellationToken cancellation = default)
    {
        var session = await readers.TakeAsync();
        session.Cancellation = cancellation;
        try
        {
            return await query(session);
        }
        finally
        {
            session.Cancellation = CancellationToken.None;
            readers.Return(session);
        }
    }

    public override Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation) => ReadAsync(
        async session =>
        {
            // The first read after it takes the snapshot.
            await session.RunAsync("BEGIN");
            try
            {
                await session.NumberAsync("SELECT max(number) FROM schema_migration");
                await work(session);
                return true;
            }
            finally
            {
                session.Cancellation = CancellationToken.None;
                await session.RunAsync("ROLLBACK");
            }
        },
        cancellation).AsTask();

    /// <summary>A cancelled write leaves the queue. One that has begun continues: others share its batch.</summary>
    public override async Task<T> WriteAsync<T>(
        Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default)
    {
        var pending = new PendingWrite<T>(change, isDurable);
        await using var leaving = cancellation.UnsafeRegister(
            static (write, token) => ((PendingWrite)write!).TryCancel(token), pending);
        await writes.Writer.WriteAsync(pending, cancellation);
        return await pending.Completion.Task;
    }

    public override async Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();

        // This database's own idle connections would block it too.
        readers.Dispose();
        writer?.Dispose();
        using var session = OpenAlone();
        await work(session);
        await session.RunAsync("COMMIT");
    }

    public override async Task<List<string>> CheckAsync(CancellationToken cancellation)
    {
        var lines = await ReadAsync(
            s => s.AllAsync("PRAGMA quick_check(20)", row => row.GetString(0)), cancellation);
        return lines.FindAll(line => line != "ok");
    }

    public override async ValueTask DisposeAsync()
    {
        writes.Writer.Complete();
        await writing;
        try
        {
            if (writer is not null) await writer.WriteLogAgainAsync();
        }
        catch (Exception e) when (e is IOException or SqliteException)
        {
            // Closing would checkpoint a log that may be damaged: it is left, and the next start checks it.
            return;
        }

        readers.Dispose();
        writer?.Dispose();
    }

    /// <summary>
    /// Reads all of a small file, but only the ends of each table and index of a large one, to keep startup fast.
    /// `berth verify` reads everything.
    /// </summary>
    private static async Task RequireSoundAsync(SqliteSession session, string path)
    {
        if (new FileInfo(path).Length > MostCheckedBytes) await session.TouchTablesAsync();
        else if (await session.TextAsync("PRAGMA quick_check(1)") is { } fault and not "ok") throw Damaged(path, fault);
    }

    private static InvalidDataException Missing(string path)
    {
        _ = PathAccess.IsReadable(path, out var isForbidden);
        return new InvalidDataException(isForbidden
            ? $"{path} can't be read by this user: run the command as the user who runs the server"
            : $"there is no database at {path}: give the server's settings (--config, or the same REGISTRY_… "
                + "variables), or start the server, which makes one");
    }

    private static InvalidDataException Damaged(string path, string fault) => new(
        $"the database {path} is damaged ({fault}): restore it from a backup; `berth verify` shows what is damaged, "
        + "and `berth copy-metadata` copies what can still be read to another database");

    private SqliteSession OpenAlone()
    {
        try
        {
            return SqliteSession.OpenAlone(Name);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED)
        {
            throw new DatabaseInUseException($"another program is using the database {Name}: stop it first");
        }
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<PendingWrite>(MaxWritesPerCommit);
        SqliteException? locked = null;
        while (batch.Count > 0 || await writes.Reader.WaitToReadAsync())
        {
            while (batch.Count < MaxWritesPerCommit && writes.Reader.TryRead(out var write))
            {
                if (!write.TryBegin()) continue;
                if (locked is not null && write.HasWaitedLong) write.Fail(locked);
                else batch.Add(write);
            }

            if (batch.Count == 0) continue;
            if ((locked = await CommitAsync(batch)) is null)
            {
                batch.Clear();
                continue;
            }

            batch.RemoveAll(write =>
            {
                if (!write.HasWaitedLong) return false;
                write.Fail(locked);
                return true;
            });
        }
    }

    /// <returns>
    /// Null if the writes are done or have failed. Otherwise another process has locked the file: they may be tried
    /// again, so that each waits as long as any other, whatever was before it in the queue.
    /// </returns>
    private async Task<SqliteException?> CommitAsync(List<PendingWrite> batch)
    {
        if (writer is null)
        {
            var refusal = new DatabaseUnavailableException($"the database {Name} is open read-only");
            foreach (var write in batch) write.Fail(refusal);
            return null;
        }

        var isOpen = false;
        SqliteSession session;
        try
        {
            session = await writer.BeginAsync(batch.Exists(w => w.IsDurable));
            isOpen = true;
            foreach (var write in batch) await RunInSavepointAsync(session, write);
            await writer.CommitAsync();
        }
        catch (Exception e)
        {
            await writer.RollBackAsync(e);
            if (!isOpen && e is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_BUSY } locked) return locked;
            foreach (var write in batch) write.Fail(e);
            return null;
        }

        foreach (var write in batch) write.Complete();
        if (session.HasNewJobs) TellOfJobs();
        session.HasNewJobs = false;
        await writer.CheckpointAsync();
        return null;
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
        private readonly long queuedAt = TimeProvider.System.GetTimestamp();
        private int hasBegunOrLeft;

        public bool IsDurable { get; } = isDurable;

        /// <summary>Whether it need not wait any longer for another process that has locked the file.</summary>
        public bool HasWaitedLong => TimeProvider.System.GetElapsedTime(queuedAt).TotalSeconds
            >= SqliteSession.PatienceSeconds;

        /// <summary>Begins the write, which can't be cancelled from now on. False if it already was.</summary>
        public bool TryBegin() => Interlocked.Exchange(ref hasBegunOrLeft, 1) == 0;

        public void TryCancel(CancellationToken cancellation)
        {
            if (Interlocked.Exchange(ref hasBegunOrLeft, 1) == 0) Leave(cancellation);
        }

        public abstract Task RunAsync(Session session);

        public abstract void Complete();

        public abstract void Fail(Exception e);

        protected abstract void Leave(CancellationToken cancellation);
    }

    private sealed class PendingWrite<T>(Func<Session, ValueTask<T>> change, bool isDurable) : PendingWrite(isDurable)
    {
        private T result = default!;

        public TaskCompletionSource<T> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async Task RunAsync(Session session) => result = await change(session);

        public override void Complete() => Completion.TrySetResult(result);

        public override void Fail(Exception e) => Completion.TrySetException(e);

        protected override void Leave(CancellationToken cancellation) => Completion.TrySetCanceled(cancellation);
    }
}
