using System.Data.Common;
using System.Diagnostics.Metrics;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Journal;

/// <summary>
/// Keeps beside the blobs what is needed to rebuild the index of images, should the database be lost: manifests, tags
/// and their moves. Triggers note what has changed (<see cref="JournalTable"/>); one node of the cluster looks a few
/// seconds later what it is now, writes that to a new file, and forgets the notes. So pushes never wait for it. Now and
/// then a snapshot of all there is replaces the files before it.
/// </summary>
internal sealed partial class JournalWriter(
    Database database, IBlobStore store, RegistrySettings settings, TimeProvider clock, ILogger<JournalWriter> log)
    : BackgroundService
{
    private const int Batch = 1000;

    /// <summary>How many files, and how many packed bytes, may follow a small snapshot.</summary>
    private const int LeastFiles = 500;
    private const long LeastBytes = 16 << 20;

    /// <summary>A larger snapshot waits for a file more for each of these: so writing it stays a small part.</summary>
    private const long BytesPerFile = 64 << 10;

    private const string Behind =
        "the journal in the store has more than this database, as after an older one was restored: stop the server, "
        + "and run `berth rebuild`, or `berth rebuild --forget` to go on without (docs/rebuilding.md)";

    private static readonly ObservableGauge<long> Age = Meters.Berth.CreateObservableGauge(
        "berth.journal.age", () => Volatile.Read(ref measured)?.AgeSeconds ?? -1, "s",
        "How long ago the journal beside the blobs had all that the database has; -1: another node writes it.");

    private static readonly TimeSpan Turn = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan TurnLeft = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestLastWrite = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestFirstLook = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestFailure = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan UntilMended = TimeSpan.FromMinutes(5);

    /// <summary>With SQLite there is only one, which need not wait for itself after it was killed.</summary>
    private readonly string node = settings.Database.Host is null
        ? "only" : $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";

    private readonly JournalFolder folder = new(store.Files);
    private readonly JobClock times = new(clock);
    private readonly SemaphoreSlim writing = new(1, 1);
    private long turnEndsAt;

    /// <summary>The current files; null: not known, perhaps because another node writes them.</summary>
    private List<Segment>? current;

    private long lastNumber;
    private bool needsSnapshot;
    private DateTimeOffset? failingSince;
    private volatile string? problem;

    /// <summary>Whether a pass has succeeded: then there is nothing to do until something changes.</summary>
    private bool isComplete;

    /// <summary>When the journal had all there was, in this process's time; -1 if it is another node's turn.</summary>
    private long currentAt = clock.GetTimestamp();

    /// <summary>The one of this process.</summary>
    private static JournalWriter? measured;

    /// <summary>
    /// How long ago the journal had all that the database has; since the start, if it has not had it since. -1: another
    /// node writes it.
    /// </summary>
    public long AgeSeconds => Volatile.Read(ref currentAt) is >= 0 and var at
        ? (long)clock.GetElapsedTime(at).TotalSeconds : -1;

    /// <summary>What somebody has to do, for people; null if all is well.</summary>
    public string? Problem => problem;

    /// <summary>
    /// Before any job runs: what an older database counts as garbage may be what the journal brings back.
    /// </summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        Volatile.Write(ref measured, this);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LongestFirstLook);
        try
        {
            await CompareAsync(await folder.ListAsync(limit.Token), limit.Token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DbException
            or DatabaseUnavailableException or OperationCanceledException)
        {
            // Each pass looks again, and without the store nothing is collected.
        }

        await base.StartAsync(cancellationToken);
    }

    /// <summary>Writes what has changed so far, if it is this node's turn, and a snapshot if one is due.</summary>
    /// <exception cref="InvalidDataException">The journal has more than the database.</exception>
    public Task WriteAsync(CancellationToken cancellation) => WriteAsync(withSnapshot: true, cancellation);

    private async Task WriteAsync(bool withSnapshot, CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            var beganAt = clock.GetTimestamp();
            if (isComplete && !await database.ReadAsync(JournalTable.HasChangesAsync, cancellation))
            {
                Volatile.Write(ref currentAt, beganAt);
                return;
            }

            if (!await TakeTurnAsync(cancellation))
            {
                Volatile.Write(ref currentAt, -1);
                return;
            }

            // Whoever has the turn tells how far behind the journal is, even if the first write fails.
            if (Volatile.Read(ref currentAt) < 0) Volatile.Write(ref currentAt, beganAt);
            await LookAsync(cancellation);
            while (await WriteChangesAsync(cancellation) && await TakeTurnAsync(cancellation) && current is not null)
            {
            }

            if (current is not null && IsSnapshotDue() && (withSnapshot || !HasSnapshot)
                && await database.ReadAsync(JournalTable.HasManifestsAsync, cancellation))
            {
                await WriteSnapshotAsync(cancellation);
            }

            isComplete = withSnapshot;
            Volatile.Write(ref currentAt, current is null ? -1 : beganAt);
        }
        catch
        {
            // A file may have been written whose answer was lost.
            current = null;
            throw;
        }
        finally
        {
            writing.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var limit = new CancellationTokenSource(LongestLastWrite);
        try
        {
            await WriteAsync(withSnapshot: false, limit.Token);
        }
        catch (Exception e)
        {
            NoteFailure(e);
        }

        try
        {
            await database.WriteAsync(
                session => JournalTable.EndTurnAsync(session, node), isDurable: false, limit.Token);
        }
        catch (Exception e) when (e is DbException or DatabaseUnavailableException or OperationCanceledException)
        {
            // Others wait until it is over.
        }
    }

    public override void Dispose()
    {
        Interlocked.CompareExchange(ref measured, null, this);
        writing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var rest = settings.Storage.Maintenance.Journal.Interval;
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(rest, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            rest = settings.Storage.Maintenance.Journal.Interval;
            try
            {
                if (stoppingToken.IsCancellationRequested) break;
                await WriteAsync(stoppingToken);
                if (failingSince is not null) (failingSince, problem) = (null, null);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                NoteFailure(e);
                var atLeast = e is InvalidDataException ? UntilMended : AfterFailure;
                rest = rest > atLeast ? rest : atLeast;
            }
            catch (OperationCanceledException)
            {
                // The end.
            }
        }
    }

    /// <summary>
    /// Only one node writes, so that what one has read is not written after what another has read later. A node that
    /// stood still for longer than its turn can't take a number for its file any more.
    /// </summary>
    private async Task<bool> TakeTurnAsync(CancellationToken cancellation)
    {
        if (clock.GetTimestamp() < turnEndsAt - Ticks(TurnLeft)) return true;
        var askedAt = clock.GetTimestamp();
        var isOurs = await database.WriteAsync(
            async session =>
            {
                var now = await times.NowAsync(session);
                return await JournalTable.TakeTurnAsync(session, node, now, now + (long)Turn.TotalMilliseconds);
            },
            isDurable: false, cancellation);
        if (!isOurs || askedAt > turnEndsAt) current = null;

        // The other one sees to it.
        isComplete |= !isOurs;
        turnEndsAt = isOurs ? askedAt + Ticks(Turn) : 0;
        return isOurs;
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * clock.TimestampFrequency);

    /// <summary>
    /// Finds the files that there are. If there are some that the database can't have written, it is an older one that
    /// was restored: nothing is added after them, since it would count as newer.
    /// </summary>
    private async Task LookAsync(CancellationToken cancellation)
    {
        if (current is not null) return;
        var all = await folder.ListAsync(cancellation);
        var state = await CompareAsync(all, cancellation);
        if (state.IsBehind) throw new InvalidDataException(Behind);

        // A number that was taken is not used again: its file may still arrive. Where files are missing that the
        // database has written, all is written anew.
        lastNumber = state.LastNumber;
        var isOlder = all.Count > 0 && all[^1].Number < lastNumber - 1;
        needsSnapshot = state.NeedsSnapshot || isOlder;
        current = JournalFolder.Current(all);
    }

    private async Task<JournalState> CompareAsync(List<Segment> all, CancellationToken cancellation)
    {
        var state = await database.ReadAsync(JournalTable.StateAsync, cancellation);
        var isBehind = all.Count > 0 && all[^1].Number > state.LastNumber;
        problem = isBehind ? Behind : null;
        if (isBehind == state.IsBehind) return state;
        await database.WriteAsync(
            session => JournalTable.SetBehindAsync(session, isBehind), isDurable: true, cancellation);
        return state with { IsBehind = isBehind };
    }

    private bool HasSnapshot => current!.Exists(segment => segment.SnapshotFrom is not null);

    private bool IsSnapshotDue()
    {
        if (needsSnapshot) return true;
        var end = current!.FindLastIndex(segment => segment.SnapshotFrom is not null);
        if (end < 0) return true;
        var inSnapshot = current.Take(end + 1).Sum(segment => segment.SizeBytes);
        var after = current.Skip(end + 1).Sum(segment => segment.SizeBytes);
        return current.Count - end > Math.Max(LeastFiles, inSnapshot / BytesPerFile)
            || after > Math.Max(LeastBytes, inSnapshot);
    }

    /// <returns>Whether there may be more.</returns>
    private async Task<bool> WriteChangesAsync(CancellationToken cancellation)
    {
        var changes = await database.ReadAsync(
            session => JournalTable.ChangesAsync(session, Batch), cancellation);
        if (changes.Count == 0) return false;
        using var text = new SegmentText();
        var written = new List<JournalChange>();
        var seen = new HashSet<(long, string, string)>();
        foreach (var change in changes)
        {
            if (seen.Add((change.RepositoryId, change.Kind, change.Name)))
            {
                var lines = await database.ReadAsync(
                    session => JournalContent.LinesOf(session, change), cancellation);
                foreach (var line in lines) text.Add(line);
            }

            written.Add(change);
            if (text.IsFull) break;
        }

        if (text.Bytes > 0) await WriteAsync(text, snapshotFrom: null, cancellation);
        await database.WriteAsync(
            async session =>
            {
                await JournalTable.RemoveAsync(session, written);
                return true;
            },
            isDurable: false, cancellation);
        return written.Count < changes.Count || changes.Count == Batch;
    }

    /// <summary>
    /// Writes all there is. What changes meanwhile may be missing in it, and is written afterwards: its notes are
    /// still there.
    /// </summary>
    private async Task WriteSnapshotAsync(CancellationToken cancellation)
    {
        var from = lastNumber + 1;
        var text = new SegmentText();
        try
        {
            await foreach (var line in JournalContent.EverythingAsync(database, cancellation))
            {
                text.Add(line);
                if (!text.IsFull) continue;
                if (!await TakeTurnAsync(cancellation) || current is null) return;
                await WriteAsync(text, snapshotFrom: null, cancellation);
                text.Dispose();
                text = new SegmentText();
            }

            if (!await TakeTurnAsync(cancellation) || current is null) return;
            await WriteAsync(text, from, cancellation);
        }
        finally
        {
            text.Dispose();
        }

        if (needsSnapshot)
        {
            await database.WriteAsync(
                session => JournalTable.SetIncompleteAsync(session, isIncomplete: false), isDurable: false,
                cancellation);
        }

        (needsSnapshot, current) = (false, JournalFolder.Current(current!));
        foreach (var old in (await folder.ListAsync(cancellation)).Where(segment => segment.Number < from))
            await folder.DeleteAsync(old, cancellation);
    }

    private async Task WriteAsync(SegmentText text, long? snapshotFrom, CancellationToken cancellation)
    {
        // Durable: a database that lost this in a power cut would look like an older one.
        var number = lastNumber + 1;
        var mayWrite = await database.WriteAsync(
            session => JournalTable.ReserveAsync(session, node, number), isDurable: true, cancellation);
        if (!mayWrite) throw new IOException("another node writes the journal now");
        lastNumber = number;
        current!.Add(await folder.WriteAsync(number, snapshotFrom, text.Finish(), cancellation));
    }

    private void NoteFailure(Exception e)
    {
        if (e is InvalidDataException)
        {
            LogBehind(e.Message);
            return;
        }

        LogNotWritten(e, e.Message);
        var now = clock.GetUtcNow();
        failingSince ??= now;
        if (now - failingSince > LongestFailure)
            problem = $"the journal beside the blobs could not be written since {failingSince:u}: {e.Message}";
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The journal beside the blobs is not written: {Reason}")]
    private partial void LogBehind(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "The journal beside the blobs lacks what was pushed last, and will be written later: {Reason}")]
    private partial void LogNotWritten(Exception e, string reason);
}
