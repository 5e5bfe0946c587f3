using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Backups;

/// <summary>The backups that the settings ask for: making one, and reading all of them again.</summary>
internal sealed partial class RegistryBackups(
    RegistrySettings settings, Database database, IBlobStore store, TimeProvider clock,
    ILoggerFactory logs)
{
    /// <summary>A large table is counted and sorted in one statement.</summary>
    private static readonly TimeSpan LongestStatement = TimeSpan.FromHours(1);

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(10);

    private readonly ILogger log = logs.CreateLogger<RegistryBackups>();

    private BackupSettings Wanted => settings.Storage.Maintenance.Backup;

    /// <param name="row">Where it is recorded; a new one if null.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">The place holds something else, or another backup is being written.
    /// </exception>
    /// <exception cref="IOException">The place is full or away, or the registry's store is.</exception>
    public async Task MakeAsync(BackupRow? row, CancellationToken cancellation)
    {
        await using var place = await OpenOrRecordAsync(row, cancellation);
        await using var patient = settings.Database.Host is null ? null : await Database.OpenBesideAsync(
            settings.Database with { QueryTimeout = LongestStatement }, sqlitePath: "", clock);
        var run = new BackupRun(database, patient ?? database, store, place, clock);
        var made = await run.RunAsync(new KeptBackups(Wanted.Keep, Wanted.KeepFor), row, cancellation);
        var manifest = made.Manifest;
        LogMade(made.Backup.Name, place.Name, manifest.Blobs, manifest.Bytes, manifest.NewBytes, made.Removed.Count);
        if (made.RemovalFault is { } fault) LogNotRemoved(place.Name, fault);
        if (manifest.Missing > 0) LogLacking(made.Backup.Name, manifest.Missing, run.Missing[0]);
    }

    /// <summary>Removes one backup.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">There is none, or it is another registry's.</exception>
    /// <exception cref="IOException">A backup is being written there, or the place is away.</exception>
    public async Task<RemovedBackup> RemoveAsync(string name, CancellationToken cancellation)
    {
        await using var place = await OpenAsync(mayCreate: false, cancellation);
        return await new BackupRemoval(database, place, clock).RunAsync(name, cancellation);
    }

    /// <summary>
    /// Reads all backups again, slowly, a turn at a time, and records what it finds: damaged ones at once, whole ones
    /// at the end of the pass.
    /// </summary>
    /// <exception cref="InvalidDataException">There is something else in their place, or nothing.</exception>
    /// <exception cref="IOException">The place is away.</exception>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        var pass = await database.ReadAsync(
            session => ScrubTable.FindAsync(session, ScrubTable.OfBackups), cancellation);
        if (pass?.EndedAt is not null && clock.GetUtcNow() < pass.BeganAt + Wanted.CheckInterval) return;
        var name = BackupPlace.NameOf(Wanted.To!);
        var rows = await database.ReadAsync(session => BackupTable.PresentAsync(session, name), cancellation);
        if (rows.Count == 0)
        {
            // The last ones went while they were read.
            if (pass is { EndedAt: null }) await WriteAsync(pass with { EndedAt = clock.GetUtcNow() }, cancellation);
            return;
        }

        await using var place = await OpenAsync(mayCreate: false, cancellation);
        var backups = await place.FindAllAsync(cancellation);
        var reading = new BackupReading(
            place, backups, new PacedReading(Wanted.CheckBytesPerSecond, LongestTurn, clock));

        // Written before it is read, so that nobody who asks for a pass meanwhile begins it a second time.
        (pass, _) = await database.WriteAsync(
            session => ScrubTable.BeginAsync(session, ScrubTable.OfBackups, clock.GetUtcNow()), isDurable: false,
            cancellation);
        var stopped = await reading.RunTurnAsync(ReadPosition.Parse(pass.Position), cancellation);
        foreach (var row in rows) await RecordAsync(place, reading, row, pass, stopped is null, cancellation);
        pass = pass with
        {
            Position = stopped?.ToString() ?? "",
            Blobs = pass.Blobs + reading.Blobs,
            EndedAt = stopped is null ? clock.GetUtcNow() : null,
        };
        await WriteAsync(pass, cancellation);
    }

    private async Task WriteAsync(ScrubPass pass, CancellationToken cancellation) => await database.WriteAsync(
        session => ScrubTable.WriteAsync(session, pass, ScrubTable.OfBackups), isDurable: false, cancellation);

    /// <summary>A backup that was found damaged in a turn stays so until the next pass, whatever later turns find.
    /// </summary>
    private async Task RecordAsync(
        BackupPlace place, BackupReading reading, BackupRow row, ScrubPass pass, bool isEnd,
        CancellationToken cancellation)
    {
        if (reading.Faults.Count == 0 && !isEnd) return;
        var faults = new List<string>();
        var found = await place.FindAsync(row.Name!, cancellation);
        if (found is { Manifest: null }) faults.Add(found.Fault!);
        if (found?.Manifest is { } manifest)
        {
            if (reading.Faults.Count > 0) faults.AddRange(await reading.FaultsOfAsync(manifest, cancellation));
            if (isEnd)
            {
                faults.AddRange(await new BackupCheck(place, isQuick: true, mayChange: false)
                    .FindFileFaultsAsync(manifest, cancellation));
            }
        }

        if (found is not null && faults.Count == 0)
        {
            var wasFound = row is { State: BackupStates.Damaged } && row.CheckedAt >= pass.BeganAt;
            if (!isEnd || wasFound) return;
        }

        var now = found is null ? row with { State = BackupStates.Removed, Error = "it is no longer there" }
            : Checked(row, new CheckedBackup(found.Name, found.Manifest, faults));
        if (now.State == BackupStates.Damaged) LogDamaged(row.Name!, place.Name, now.Error!);
        await database.WriteAsync(
            session => BackupTable.UpdateAsync(session, now), isDurable: false, cancellation);
    }

    private async Task<BackupPlace> OpenOrRecordAsync(BackupRow? row, CancellationToken cancellation)
    {
        try
        {
            return await OpenAsync(mayCreate: true, cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var now = clock.GetUtcNow();
            await database.WriteAsync(
                async session => await BackupTable.UpdateAsync(
                    session,
                    (row ?? await BackupTable.AddAsync(
                        session, new BackupRow(0, BackupPlace.NameOf(Wanted.To!), "") { StartedAt = now })) with
                    {
                        State = BackupStates.Failed,
                        EndedAt = now,
                        Error = e.Message,
                    }),
                isDurable: false, CancellationToken.None);
            throw;
        }
    }

    private BackupRow Checked(BackupRow row, CheckedBackup found) => row with
    {
        CheckedAt = clock.GetUtcNow(),
        State = found is { IsWhole: true, Manifest.Missing: 0 } ? BackupStates.Whole : BackupStates.Damaged,
        Error = found.IsWhole ? row.State == BackupStates.Whole || found.Manifest!.Missing > 0 ? row.Error : null
            : found.Faults[0],
    };

    private Task<BackupPlace> OpenAsync(bool mayCreate, CancellationToken cancellation) =>
        BackupPlace.OpenAsync(
            Wanted.To!, settings.Storage, mayCreate, logs.CreateLogger<ObjectBlobStore>(), cancellation);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old backups in {Place} were not removed: {Reason}")]
    private partial void LogNotRemoved(string place, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Backup {Name} in {Place} has {Blobs} blobs of {Bytes} bytes, of which {NewBytes} are new; old ones removed: "
        + "{Removed}")]
    private partial void LogMade(string name, string place, long blobs, long bytes, long newBytes, int removed);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Backup {Name} lacks {Count} blobs that the registry has lost; `berth verify` shows them. The first: {First}")]
    private partial void LogLacking(string name, long count, string first);

    [LoggerMessage(Level = LogLevel.Error, Message = "Backup {Name} in {Place} is damaged: {Fault}")]
    private partial void LogDamaged(string name, string place, string fault);
}
