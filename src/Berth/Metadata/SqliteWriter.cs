using Berth.Disk;
using Microsoft.Data.Sqlite;

namespace Berth.Metadata;

/// <summary>
/// The one connection that writes to a SQLite file. It handles what SQLite silently ignores: a failed sync of the log
/// during a checkpoint, and files that are removed or replaced while open.
/// </summary>
internal sealed class SqliteWriter(string path, bool isBeside) : IDisposable
{
    /// <summary>When the log is checkpointed: at some 4 MiB, as SQLite does by default.</summary>
    private const long FramesBeforeCheckpoint = 1000;

    /// <summary>
    /// The size to which SQLite truncates the log's file when it restarts the log. The file outgrows it while another
    /// program, such as a backup, reads the database for long, and would keep that size until the last connection
    /// closes.
    /// </summary>
    private const long KeptLogBytes = 16 << 20;

    private readonly FileIdentity? database = FileIdentity.Of(path);
    private readonly string logPath = WriteAheadLog.PathOf(path);
    private FileIdentity? log;
    private SqliteSession? session;
    private bool isDurable;

    /// <summary>
    /// Whether a write or sync has failed since the log was last known to be on disk. The kernel may then have marked
    /// pages clean that it never wrote, so a later successful sync proves nothing.
    /// </summary>
    private bool isLogSuspect;

    /// <summary>Begins a transaction, or fails with SQLITE_BUSY if another process has locked the file for a second.
    /// </summary>
    /// <param name="mustBeDurable">Whether its commit has to survive a power cut, with all commits before it.</param>
    /// <exception cref="IOException">The disk fails again while the log is being repaired after an earlier
    /// failure.</exception>
    public async Task<SqliteSession> BeginAsync(bool mustBeDurable)
    {
        session ??= await OpenAsync();
        await WriteLogAgainAsync();
        SetDurability(mustBeDurable);
        await session.RunAsync("BEGIN IMMEDIATE");
        return session;
    }

    /// <exception cref="DatabaseUnavailableException">
    /// The files are no longer those that were opened: a later start would not find what was written.
    /// </exception>
    public async Task CommitAsync()
    {
        await session!.RunAsync("COMMIT");
        RequireSameFile();
        if (FileIdentity.Of(logPath) != log) throw Replaced(logPath);
    }

    /// <summary>Requires that a new connection would open the same file as the existing ones.</summary>
    /// <exception cref="DatabaseUnavailableException">It would not.</exception>
    public void RequireSameFile()
    {
        if (FileIdentity.Of(path) != database) throw Replaced(path);
    }

    /// <summary>
    /// Rolls back the transaction, if one is open. If even this fails, the next one can't begin either, and its writes
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
    /// Checkpoints a log that has grown long. SQLite would do so within a commit, and hide a failed sync.
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
            // Nothing acknowledged depends on it: the log keeps everything until a later attempt.
            NoteFailure(e);
        }
    }

    /// <summary>
    /// After a failure, makes sure that the log is on disk: rewrites and syncs it while holding the write lock.
    /// </summary>
    /// <exception cref="IOException">The disk still fails, or parts of the log are lost.</exception>
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
        var opened = SqliteSession.OpenForWriting(path);
        opened.IsBeside = isBeside;
        try
        {
            opened.RunScript($"PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {KeptLogBytes}");
            isDurable = false;

            // The first read creates the log file; SQLite syncs its name without checking the result.
            await opened.NumberAsync("SELECT count(*) FROM sqlite_master");
            DiskSync.Folder(Path.GetDirectoryName(Path.GetFullPath(path))!);
            log = FileIdentity.Of(logPath) ?? throw Replaced(logPath);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>FULL syncs the write-ahead log at commit, including everything from earlier commits.</summary>
    private void SetDurability(bool mustBeDurable)
    {
        if (mustBeDurable == isDurable) return;
        session!.RunScript(mustBeDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        isDurable = mustBeDurable;
    }

    /// <summary>How many frames the log has, and how many of them have been checkpointed.</summary>
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
        $"{file} was removed or replaced while Berth had it open, and further writes would be lost: stop Berth, "
        + "restore the file from a backup, and start it again");
}
