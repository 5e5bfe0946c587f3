using System.Data.Common;
using Berth.Blobs;
using Berth.Metadata;

namespace Berth.Backups;

/// <summary>A backup that was made, and what was removed afterwards.</summary>
internal sealed record MadeBackup(FoundBackup Backup, IReadOnlyList<string> Removed, long FreedBytes)
{
    public BackupManifest Manifest => Backup.Manifest!;

    /// <summary>Why old backups were not removed, although they should have been; null if they were.</summary>
    public string? RemovalFault { get; init; }
}

/// <summary>Makes a backup, removes old ones, and records both in the registry.</summary>
/// <param name="database">The registry's, where the backup is recorded.</param>
/// <param name="source">The same, with as much time for each statement as a large table takes.</param>
/// <param name="store">The registry's blobs.</param>
/// <param name="place">Where backups lie.</param>
/// <param name="clock">The time.</param>
internal sealed class BackupRun(
    Database database, Database source, IBlobStore store, BackupPlace place, TimeProvider clock)
{
    private string? removalFault;

    private readonly BackupWriter writer = new(source, store, place, clock);

    public BackupProgress Progress => writer.Progress;

    /// <summary>The first blobs that manifests need and the registry does not have.</summary>
    public IReadOnlyList<string> Missing => writer.Missing;

    /// <param name="keep">Which backups are kept, besides the new one.</param>
    /// <param name="row">Where it is recorded; a new one if null.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">Another backup is being written there, or the registry is damaged.
    /// </exception>
    /// <exception cref="IOException">The place is full or away, or the registry's store is.</exception>
    public async Task<MadeBackup> RunAsync(KeptBackups? keep, BackupRow? row, CancellationToken cancellation)
    {
        row = (row ?? await AddAsync(BackupStates.Running, cancellation)) with
        {
            State = BackupStates.Running,
            StartedAt = clock.GetUtcNow(),
        };
        try
        {
            await WriteAsync(row, cancellation);
            var registry = await MarkOfAsync(database, cancellation);
            return await place.RunAloneAsync(
                async stop =>
                {
                    await place.RequireOwnerAsync(registry, stop);
                    var made = await writer.RunAsync(registry, stop);
                    row = Made(row, made.Name, made.Manifest!);
                    await WriteAsync(row, stop);
                    var (removed, freed) = await RemoveOldAsync(keep, made.Manifest!, stop);
                    if (removalFault is not null)
                    {
                        row = row with { Error = row.Error ?? $"old backups were not removed: {removalFault}" };
                        await WriteAsync(row, stop);
                    }

                    await database.WriteAsync(
                        session => BackupTable.NoteRemovedAsync(session, place.Name, removed), isDurable: false, stop);
                    return new MadeBackup(made, removed, freed) { RemovalFault = removalFault };
                },
                cancellation);
        }
        catch (Exception e) when (row.Name is null)
        {
            row = row with { State = BackupStates.Failed, EndedAt = clock.GetUtcNow(), Error = e.Message };
            await TryWriteAsync(row);
            throw;
        }
    }

    /// <summary>The mark of a registry, which tells its backups from those of others.</summary>
    /// <exception cref="InvalidDataException">It has none.</exception>
    public static async Task<string> MarkOfAsync(Database database, CancellationToken cancellation) =>
        (await database.ReadAsync(StoreMarkTable.FindAsync, cancellation))?.Mark
        ?? throw new InvalidDataException(
            $"{database.Name} and its blobs have no mark yet: start the server once, which gives them one");

    /// <summary>
    /// An older backup may have what this one lacks, so then all stay. A backup that was made is made, whatever becomes
    /// of the old ones.
    /// </summary>
    private async Task<(IReadOnlyList<string> Names, long Bytes)> RemoveOldAsync(
        KeptBackups? keep, BackupManifest made, CancellationToken cancellation)
    {
        if (keep is null || made.Missing > 0) return ([], 0);
        try
        {
            return await new BackupRetention(place, clock).RunAsync(keep, cancellation);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            removalFault = e.Message;
            return ([], 0);
        }
    }

    private BackupRow Made(BackupRow row, string name, BackupManifest manifest) => row with
    {
        Name = name,
        State = manifest.Missing == 0 ? BackupStates.Whole : BackupStates.Damaged,
        EndedAt = clock.GetUtcNow(),
        Tags = manifest.Tags,
        Manifests = manifest.Manifests,
        Blobs = manifest.Blobs,
        Bytes = manifest.Bytes,
        NewBytes = manifest.NewBytes,
        Error = manifest.Missing == 0 ? null
            : $"the registry has lost blobs that manifests need ({manifest.Missing}), the first: {Missing[0]}",
    };

    private Task<BackupRow> AddAsync(string state, CancellationToken cancellation) => database.WriteAsync(
        session => BackupTable.AddAsync(
            session, new BackupRow(0, place.Name, state) { StartedAt = clock.GetUtcNow() }),
        isDurable: false, cancellation);

    private Task<int> WriteAsync(BackupRow row, CancellationToken cancellation) =>
        database.WriteAsync(session => BackupTable.UpdateAsync(session, row), isDurable: false, cancellation);

    /// <summary>The failure that led here is the one to tell.</summary>
    private async Task TryWriteAsync(BackupRow row)
    {
        try
        {
            await WriteAsync(row, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or DbException or DatabaseUnavailableException)
        {
            // A row that says running, and no longer is, is told from others by its age.
        }
    }
}
