using Berth.Disk;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>
/// The one connection that writes to a SQLite file. It looks after what SQLite passes over in silence: a sync of the
/// log that failed during a checkpoint, and files that were removed or replaced while they are open.
/// </summary>
internal sealed class SqliteWriter(string path) : IDisposable
{
    /// <summary>When the log is brought into the database: at some 4 MiB, as SQLite does by default.</summary>
    private const long FramesBeforeCheckpoint = 1000;

    private readonly FileIdentity? database = FileIdentity.Of(path);
    private readonly string logPath = WriteAheadLog.PathOf(path);
    private FileIdentity? log;
    private SqliteSession? session;
    private bool isDurable;

    /// <summary>
    /// Whether a write or sync has failed since the log was last known to be on the disk. The kernel then calls pages
    /// clean that it may never have written, and a later sync that succeeds would vouch for nothing.
    /// </summary>
    private bool isLogSuspect;

    /// <summary>Begins a transaction.</summary>
    /// <param name="mustBeDurable">Whether its commit has to survive a power cut, with all commits before it.</param>
    /// <exception cref="IOException">The disk refuses what an earlier failure makes necessary.</exception>
    public async Task<SqliteSession> BeginAsync(bool mustBeDurable)
    {
        session ??= await OpenAsync();
        await WriteLogAgainAsync();
        SetDurability(mustBeDurable);
        await session.RunAsync("BEGIN IMMEDIATE");
        return session;
    }

    /// <exception cref="DatabaseUnavailableException">
    /// The files are not those that were opened: what was written is in none that a later start would find.
    /// </exception>
    public async Task CommitAsync()
    {
        await session!.RunAsync("COMMIT");
        RequireSameFile();
        if (FileIdentity.Of(logPath) != log) throw Replaced(logPath);
    }

    /// <summary>Requires that a new connection would open the same file as those that are open.</summary>
    /// <exception cref="DatabaseUnavailableException">It would not.</exception>
    public void RequireSameFile()
    {
        if (FileIdentity.Of(path) != database) throw Replaced(path);
    }

    /// <summary>
    /// Undoes the transaction, if one is open. Where even this fails, the next one can't begin either, and its writes
    /// fail with the cause.
    /// </summary>
    public async Task RollBackAsync(Exception cause)
    {
        NoteFailure(cause);
        try
        {
            if (session is { IsInTransaction: true }) await session.RunAsync("ROLLBACK");
        }
        catch (SqliteException e)
        {
            NoteFailure(e);
        }
    }

    /// <summary>
    /// Brings a log that has grown long into the database. SQLite would do so within a commit, and keep to itself that
    /// a sync failed on the way.
    /// </summary>
    public async Task CheckpointAsync()
    {
        try
        {
            var (frames, done) = await StateOfLogAsync("PRAGMA wal_checkpoint(NOOP)");
            if (frames < FramesBeforeCheckpoint || done == frames) return;
            await StateOfLogAsync("PRAGMA wal_checkpoint(PASSIVE)");
        }
        catch (SqliteException e)
        {
            // Nothing that was acknowledged depends on it: the log keeps everything until a later try.
            NoteFailure(e);
        }
    }

    /// <summary>
    /// Makes sure that the log is on the disk after a failure: writes it again and syncs it, while no one else can.
    /// </summary>
    /// <exception cref="IOException">The disk still refuses, or parts of the log are lost.</exception>
    public async Task WriteLogAgainAsync()
    {
        if (!isLogSuspect || session is null) return;
        var (frames, _) = await StateOfLogAsync("PRAGMA wal_checkpoint(NOOP)");
        await session.RunAsync("BEGIN IMMEDIATE");
        try
        {
            WriteAheadLog.WriteAgain(logPath, frames);
            isLogSuspect = false;
        }
        finally
        {
            await session.RunAsync("ROLLBACK");
        }
    }

    public void Dispose()
    {
        session?.Dispose();
        session = null;
    }

    private async Task<SqliteSession> OpenAsync()
    {
        RequireSameFile();
        var opened = SqliteSession.OpenExisting(path);
        try
        {
            opened.RunScript("PRAGMA wal_autocheckpoint = 0");
            isDurable = false;

            // The first read makes the log's file; SQLite syncs its name, and does not look whether that worked.
            await opened.NumberAsync("SELECT count(*) FROM sqlite_master");
            DiskSync.Folder(Path.GetDirectoryName(Path.GetFullPath(path))!);
            log = FileIdentity.Of(logPath);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>FULL syncs the write-ahead log at commit, with all that earlier commits left in it.</summary>
    private void SetDurability(bool mustBeDurable)
    {
        if (mustBeDurable == isDurable) return;
        session!.RunScript(mustBeDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        isDurable = mustBeDurable;
    }

    /// <summary>How many frames the log has, and how many of them are in the database.</summary>
    private async Task<(long Frames, long Done)> StateOfLogAsync(string pragma)
    {
        var rows = await session!.AllAsync(pragma, row => (row.GetInt64(1), row.GetInt64(2)));
        return rows[0];
    }

    private void NoteFailure(Exception e)
    {
        if (e is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_IOERR }) isLogSuspect = true;
    }

    private static DatabaseUnavailableException Replaced(string file) => new(
        $"{file} was removed or replaced while Berth has it open, and what is written now would be lost: stop Berth, "
        + "put the file back from a backup, and start it again");
}
