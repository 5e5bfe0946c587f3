using System.Diagnostics.Metrics;
using Berth.Backups;
using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Scrubbing;

/// <summary>
/// Reads all blobs again within a set time, a part at each turn:
/// <code>
/// read ► as pushed ► next
///      ► altered, unreadable, twice ► quarantine: answers 404, so that the next push brings it ─┐
///      ► missing, and an image needs it ─────────────────────────────────────────────────┴► recorded ► from a backup
/// </code>
/// </summary>
internal sealed partial class Scrub(
    RegistrySettings settings, Database database, IBlobStore store, TimeProvider clock,
    ILoggerFactory logs)
{
    private const int BlobsPerPage = 50;
    private const int FaultsPerPage = 100;

    /// <summary>So many blobs go to quarantine in a turn; then the next one waits.</summary>
    private const int MostFaultsInTurn = 5;

    /// <summary>A pass takes this part of its time, so that a node that was stopped for a while catches up.</summary>
    private const double Haste = 0.9;

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(10);

    private static readonly Counter<long> BytesRead = Meters.Berth.CreateCounter<long>(
        "berth.scrub.bytes", "By", "The length of blobs that were read again in the background.");

    private static readonly Counter<long> FaultsFound = Meters.Berth.CreateCounter<long>(
        "berth.scrub.faults", "{blob}", "Blobs that were found damaged or missing.");

    private readonly ILogger log = logs.CreateLogger<Scrub>();
    private PacedReading? reading;
    private int faultsInTurn;

    private ScrubSettings Wanted => settings.Storage.Maintenance.Scrub;

    /// <summary>Reads what is due by now.</summary>
    /// <exception cref="IOException">The store is away; the next turn goes on.</exception>
    public async Task RunTurnAsync(CancellationToken cancellation)
    {
        faultsInTurn = 0;
        await ReviewFaultsAsync(cancellation);
        reading = new PacedReading(Wanted.BytesPerSecond, LongestTurn, clock);
        var pass = await FindPassAsync(cancellation);
        while (pass.EndedAt is null && IsBehind(pass) && !reading.IsOver)
        {
            var position = ReadPosition.Parse(pass.Position);
            var page = await database.ReadAsync(
                session => ScrubTable.NextAsync(session, position.Last, BlobsPerPage), cancellation);
            foreach (var digest in page)
            {
                var (part, bytes) = await CheckAsync(digest, position.Part, cancellation);
                position = part is null ? new ReadPosition(digest.Text) : position with { Part = part };
                pass = pass with
                {
                    Position = position.ToString(),
                    Blobs = pass.Blobs + (part is null ? 1 : 0),
                    Bytes = pass.Bytes + bytes,
                };
                if (reading.IsOver || !IsBehind(pass)) break;
            }

            if (page.Count == 0)
            {
                pass = pass with { EndedAt = clock.GetUtcNow() };
                LogPass(pass.Blobs, pass.Bytes);
            }

            await WriteAsync(session => ScrubTable.WriteAsync(session, pass), cancellation);
            if (pass.EndedAt is not null) await EmptyQuarantineAsync(cancellation);
        }
    }

    private async Task<ScrubPass> FindPassAsync(CancellationToken cancellation)
    {
        var pass = await database.ReadAsync(
            session => ScrubTable.FindAsync(session), cancellation);
        var now = clock.GetUtcNow();
        if (pass is not null && (pass.EndedAt is null || now < pass.BeganAt + Wanted.Within)) return pass;
        var (blobs, bytes) = await database.ReadAsync(ScrubTable.TotalAsync, cancellation);
        pass = new ScrubPass("", now, 0, 0, blobs, bytes) { LastEndedAt = pass?.EndedAt };
        await WriteAsync(session => ScrubTable.WriteAsync(session, pass), cancellation);
        return pass;
    }

    /// <summary>Whether more should have been read by now. At the end of the time, everything.</summary>
    private bool IsBehind(ScrubPass pass)
    {
        var part = (clock.GetUtcNow() - pass.BeganAt) / (Wanted.Within * Haste);
        return part >= 1 || pass.Blobs < part * pass.TotalBlobs || pass.Bytes < part * pass.TotalBytes;
    }

    /// <summary>
    /// Reads a blob, and once more if something is wrong: memory and networks err for a moment, disks for longer.
    /// </summary>
    /// <returns>How far it was read, if not to its end, and how many bytes were read now.</returns>
    private async Task<(ReadPart? Part, long Bytes)> CheckAsync(
        Digest digest, ReadPart? from, CancellationToken cancellation)
    {
        var (part, bytes, fault) = await ReadAsync(digest, from, isLast: false, cancellation);
        if (fault is not null) await ReadAsync(digest, from: null, isLast: true, cancellation);
        return (part, bytes);
    }

    /// <param name="digest">The blob.</param>
    /// <param name="from">Where an earlier turn stopped.</param>
    /// <param name="isLast">Whether a fault is one that stays. Then it is read whole.</param>
    /// <param name="cancellation">Gives up.</param>
    private async Task<(ReadPart? Part, long Bytes, string? Fault)> ReadAsync(
        Digest digest, ReadPart? from, bool isLast, CancellationToken cancellation)
    {
        BlobContent? content = null;
        string fault;
        var bytes = 0L;
        try
        {
            content = await store.OpenAsync(digest, cancellation);
            if (content is null)
            {
                await NoteMissingAsync(digest, cancellation);
                return (null, 0, null);
            }

            (var found, var part, bytes) = await reading!.ReadAsync(content, digest, from, !isLast, cancellation);
            BytesRead.Add(bytes);
            if (part is not null || found == digest) return (part, bytes, null);
            fault = $"its content has the digest {found}";
            if (isLast) await SetAsideAsync(digest, content, fault, cancellation);
        }
        catch (Exception e) when (e is IOException and not StoreUnavailableException or UnauthorizedAccessException)
        {
            if (e is TooManyFaultsException) throw;
            fault = content is null ? $"it can't be opened: {e.Message}" : e.Message;
            if (isLast && content is not null) await SetAsideAsync(digest, content, fault, cancellation);
            else if (isLast) await NoteAsync(digest, fault, cancellation);
        }
        finally
        {
            content?.Dispose();
        }

        return (null, bytes, fault);
    }

    /// <summary>What no manifest needs may be missing: a push may be about to bring it, a deletion to end.</summary>
    private async Task NoteMissingAsync(Digest digest, CancellationToken cancellation)
    {
        if (!await database.ReadAsync(session => ScrubTable.IsNeededAsync(session, digest), cancellation)) return;
        if (await store.LengthOfAsync(digest, cancellation) is not null) return;
        await NoteAsync(digest, "it is missing", cancellation);
    }

    private async Task SetAsideAsync(
        Digest digest, BlobContent content, string fault, CancellationToken cancellation)
    {
        // A disk or a mount that fails must not take the whole store away.
        if (++faultsInTurn > MostFaultsInTurn) throw new TooManyFaultsException();
        var where = "moved to quarantine";
        try
        {
            // False if a push has replaced it since.
            if (!await store.QuarantineAsync(digest, content, cancellation)) return;
        }
        catch (Exception e) when (e is IOException and not StoreUnavailableException or UnauthorizedAccessException)
        {
            where = $"it can't be moved to quarantine: {e.Message}";
        }

        await NoteAsync(digest, $"{fault}; {where}", cancellation);
    }

    private async Task NoteAsync(Digest digest, string fault, CancellationToken cancellation)
    {
        FaultsFound.Add(1);
        LogFault(digest, fault);
        await WriteAsync(
            async session =>
            {
                await ScrubTable.AddFaultAsync(session, new BlobFault(digest, clock.GetUtcNow(), fault));
                return 1;
            },
            cancellation);
        if (await database.ReadAsync(session => ScrubTable.IsNeededAsync(session, digest), cancellation))
            await HealAsync([digest], cancellation);
    }

    /// <summary>Sees which faults a push has healed meanwhile, and tries to heal the others.</summary>
    private async Task ReviewFaultsAsync(CancellationToken cancellation)
    {
        for (var last = ""; ;)
        {
            var open = await database.ReadAsync(
                session => ScrubTable.OpenAsync(session, last, FaultsPerPage), cancellation);
            if (open.Count == 0) return;
            last = open[^1].Digest.Text;
            var left = new List<Digest>();
            foreach (var digest in open.Select(fault => fault.Digest))
            {
                if (await IsThereAsync(digest, cancellation)) await HealedAsync(digest, HealedFrom.Push, cancellation);
                else if (await database.ReadAsync(s => ScrubTable.IsNeededAsync(s, digest), cancellation))
                    left.Add(digest);
                else
                    await HealedAsync(digest, HealedFrom.Gone, cancellation);
            }

            await HealAsync(left, cancellation);
        }
    }

    /// <summary>What is whole again, or what nothing needs any more, is of no use there.</summary>
    private async Task EmptyQuarantineAsync(CancellationToken cancellation)
    {
        // A rebuild may bring back what needs the others.
        var isBehind = await database.ReadAsync(JournalTable.IsBehindAsync, cancellation);
        await foreach (var digest in store.ListQuarantinedAsync(cancellation))
        {
            var isUseless = await IsThereAsync(digest, cancellation) || (!isBehind && !await database.ReadAsync(
                session => ScrubTable.IsNeededAsync(session, digest), cancellation));
            if (!isUseless) continue;
            try
            {
                await store.DeleteQuarantinedAsync(digest, cancellation);
            }
            catch (Exception e) when (e is IOException and not StoreUnavailableException
                or UnauthorizedAccessException)
            {
                LogNotDeleted(digest, e.Message);
            }
        }
    }

    private async Task<bool> IsThereAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            return await store.LengthOfAsync(digest, cancellation) is not null;
        }
        catch (Exception e) when (e is IOException and not StoreUnavailableException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private async Task HealAsync(List<Digest> digests, CancellationToken cancellation)
    {
        if (digests.Count == 0 || settings.Storage.Maintenance.Backup.To is not { } to) return;
        try
        {
            await using var place = await BackupPlace.OpenAsync(
                to, settings.Storage, mayCreate: false, logs.CreateLogger<ObjectBlobStore>(),
                cancellation);
            foreach (var digest in digests) await HealAsync(place, digest, cancellation);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
            or DamagedSourceException)
        {
            LogNotHealed(to, e.Message);
        }
    }

    /// <summary>A copy that is damaged too keeps no other blob from being healed.</summary>
    private async Task HealAsync(BackupPlace place, Digest digest, CancellationToken cancellation)
    {
        try
        {
            using var content = await place.Blobs.OpenAsync(digest, cancellation);
            if (content is null) return;
            await BlobCopy.RunAsync(content, digest, store, cancellation);
            await HealedAsync(digest, HealedFrom.Backup, cancellation);
        }
        catch (DamagedSourceException e)
        {
            LogNotHealed(place.Name, e.Message);
        }
    }

    private async Task HealedAsync(Digest digest, string from, CancellationToken cancellation)
    {
        await WriteAsync(
            session => ScrubTable.NoteHealedAsync(session, digest, from, clock.GetUtcNow()), cancellation);
        LogHealed(digest, from);
    }

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);

    /// <summary>The turn ends as one that failed, so that the next ones come later and later.</summary>
    private sealed class TooManyFaultsException() : IOException(
        $"more than {MostFaultsInTurn} blobs are damaged: is the disk failing? No more go to quarantine for now");

    [LoggerMessage(Level = LogLevel.Information, Message = "All blobs were read again: {Blobs}, of {Bytes} bytes")]
    private partial void LogPass(long blobs, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} is damaged: {Fault}. If no backup has it, push an image with it again")]
    private partial void LogFault(Digest digest, string fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "Blob {Digest} is whole again, from: {From}")]
    private partial void LogHealed(Digest digest, string from);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Blob {Digest} could not be deleted from quarantine: {Reason}")]
    private partial void LogNotDeleted(Digest digest, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Damaged blobs could not be healed from {Place}: {Reason}")]
    private partial void LogNotHealed(string place, string reason);
}
