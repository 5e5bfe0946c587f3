using System.Data.Common;
using System.Globalization;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Settings;

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
    private const int Batch = 200;

    /// <summary>How many files, and how many packed bytes, may follow a small snapshot.</summary>
    private const int LeastFiles = 500;
    private const long LeastBytes = 16 << 20;

    /// <summary>A larger snapshot waits for a file more for each of these: so writing it stays a small part.</summary>
    private const long BytesPerFile = 64 << 10;

    private const string Behind =
        "the journal in the store has more than this database, as after an older one was restored: stop the server, "
        + "and run `berth rebuild`, or `berth rebuild --forget` to go on without (docs/rebuilding.md)";

    private static readonly TimeSpan Turn = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan TurnLeft = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestLastWrite = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(30);
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
    private volatile string? problem;
    private bool hasLooked;

    /// <summary>What somebody has to do, for people; null if all is well.</summary>
    public string? Problem => problem;

    /// <summary>Writes what has changed so far, if it is this node's turn.</summary>
    /// <exception cref="InvalidDataException">The journal has more than the database.</exception>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            var hasChanges = await database.ReadAsync(JournalTable.HasChangesAsync, cancellation);
            if (!hasChanges && hasLooked) return;
            if (!await TakeTurnAsync(cancellation)) return;
            await LookAsync(cancellation);
            if (IsSnapshotDue() && await database.ReadAsync(JournalTable.HasManifestsAsync, cancellation))
                await WriteSnapshotAsync(cancellation);
            while (await WriteChangesAsync(cancellation) && await TakeTurnAsync(cancellation))
            {
            }
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
            await WriteAsync(limit.Token);
        }
        catch (Exception e)
        {
            LogNotWritten(e.Message);
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
                if (!stoppingToken.IsCancellationRequested) await WriteAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotWritten(e.Message);
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
    /// stood still for longer than its turn finds out before it writes.
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
        hasLooked |= !isOurs;
        if (isOurs && askedAt > turnEndsAt) current = null;
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
        lastNumber = all.Count == 0 ? 0 : all[^1].Number;
        hasLooked = true;
        var (known, wasBehind) = await database.ReadAsync(
            async session => (
                await JournalTable.LastNumberAsync(session), await JournalTable.IsBehindAsync(session)),
            cancellation);
        var isBehind = lastNumber > known;
        if (isBehind != wasBehind)
        {
            await database.WriteAsync(
                session => JournalTable.SetBehindAsync(session, isBehind), isDurable: false, cancellation);
        }

        problem = isBehind ? Behind : null;
        if (isBehind) throw new InvalidDataException(Behind);
        current = JournalFolder.Current(all);
    }

    private bool IsSnapshotDue()
    {
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
                foreach (var line in await database.ReadAsync(session => LinesOf(session, change), cancellation))
                    text.Add(line);
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

    /// <summary>What is now what has changed then.</summary>
    private static async ValueTask<List<JournalLine>> LinesOf(Session session, JournalChange change)
    {
        if (await JournalTable.RepositoryAsync(session, change.RepositoryId) is not { } repository) return [];
        switch (change.Kind)
        {
            case ChangeKinds.Manifest:
                var manifest = await JournalTable.ManifestAsync(session, change.RepositoryId, change.Name);
                return [manifest is null
                    ? new JournalLine { Gone = new GoneLine(repository, change.Name, null) }
                    : new JournalLine { Manifest = manifest }];
            case ChangeKinds.Tag:
                return [await TagLineAsync(session, change.RepositoryId, repository, change.Name)];
            default:
                var id = long.Parse(change.Name, CultureInfo.InvariantCulture);
                if (await JournalTable.MoveAsync(session, id) is not { } move) return [];
                return
                [
                    new JournalLine { Move = move },
                    await TagLineAsync(session, change.RepositoryId, repository, move.Name),
                ];
        }
    }

    private static async ValueTask<JournalLine> TagLineAsync(
        Session session, long repositoryId, string repository, string name) =>
        await JournalTable.TagAsync(session, repositoryId, name) is { } tag
            ? new JournalLine { Tag = tag } : new JournalLine { Gone = new GoneLine(repository, null, name) };

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
            await foreach (var line in EverythingAsync(cancellation))
            {
                text.Add(line);
                if (!text.IsFull) continue;
                if (!await TakeTurnAsync(cancellation)) return;
                await WriteAsync(text, snapshotFrom: null, cancellation);
                text.Dispose();
                text = new SegmentText();
            }

            if (!await TakeTurnAsync(cancellation)) return;
            await WriteAsync(text, from, cancellation);
        }
        finally
        {
            text.Dispose();
        }

        current = JournalFolder.Current(current!);
        foreach (var old in (await folder.ListAsync(cancellation)).Where(segment => segment.Number < from))
            await folder.DeleteAsync(old, cancellation);
    }

    private async IAsyncEnumerable<JournalLine> EverythingAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        for (JournaledManifest? last = null; ;)
        {
            var (after, bytes) = (last, 0L);
            var page = await database.ReadAsync(
                session => JournalTable.ManifestsAsync(
                    session, after, manifest => (bytes += manifest.Body.Length) > LeastBytes),
                cancellation);
            if (page.Count == 0) break;
            foreach (var manifest in page) yield return new JournalLine { Manifest = manifest };
            last = page[^1];
        }

        for (JournaledTag? last = null; ;)
        {
            var after = last;
            var page = await database.ReadAsync(session => JournalTable.TagsAsync(session, after), cancellation);
            if (page.Count == 0) break;
            foreach (var tag in page) yield return new JournalLine { Tag = tag };
            last = page[^1];
        }

        for (JournaledMove? last = null; ;)
        {
            var after = last;
            var page = await database.ReadAsync(session => JournalTable.MovesAsync(session, after), cancellation);
            if (page.Count == 0) break;
            foreach (var move in page) yield return new JournalLine { Move = move };
            last = page[^1];
        }
    }

    private async Task WriteAsync(SegmentText text, long? snapshotFrom, CancellationToken cancellation)
    {
        // Durable: a database that lost this in a power cut would look like an older one.
        await database.WriteAsync(
            session => JournalTable.ReserveAsync(session, lastNumber + 1), isDurable: true, cancellation);
        current!.Add(await folder.WriteAsync(lastNumber + 1, snapshotFrom, text.Finish(), cancellation));
        lastNumber++;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "The journal beside the blobs lacks what was pushed last, and will be written later: {Reason}")]
    private partial void LogNotWritten(string reason);
}
