using Berth.Blobs;
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

    /// <summary>Reads all backups again, slowly, and records what it finds.</summary>
    /// <exception cref="InvalidDataException">There is something else in their place, or nothing.</exception>
    /// <exception cref="IOException">The place is away.</exception>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        var name = BackupPlace.NameOf(Wanted.To!);
        var rows = await database.ReadAsync(session => BackupTable.PresentAsync(session, name), cancellation);
        if (rows.Count == 0) return;
        await using var place = await OpenAsync(mayCreate: false, cancellation);
        var check = new BackupCheck(place, isQuick: false, mayChange: true, RestAfterAsync);
        var found = (await check.RunAsync(names: null, cancellation)).ToDictionary(one => one.Name);
        foreach (var row in rows)
        {
            var checkedRow = found.TryGetValue(row.Name!, out var one) ? Checked(row, one) : row with
            {
                State = BackupStates.Removed,
                Error = "it is no longer there",
            };
            if (checkedRow.State == BackupStates.Damaged) LogDamaged(row.Name!, name, checkedRow.Error!);
            await database.WriteAsync(
                session => BackupTable.UpdateAsync(session, checkedRow), isDurable: false, cancellation);
        }
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

    private async ValueTask RestAfterAsync(int bytes, CancellationToken cancellation) =>
        await Task.Delay(TimeSpan.FromSeconds((double)bytes / Wanted.CheckBytesPerSecond), clock, cancellation);

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
