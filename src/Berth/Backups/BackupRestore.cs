using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;

namespace Berth.Backups;

/// <summary>What a restore brought back.</summary>
/// <param name="Tables">The metadata on both sides.</param>
/// <param name="Lost">The first blobs that the backup does not have whole, each with the reason.</param>
/// <param name="LostCount">How many there are.</param>
internal sealed record RestoredBackup(IReadOnlyList<ComparedTable> Tables, IReadOnlyList<string> Lost, long LostCount);

/// <summary>
/// Brings a registry back from a backup, into an empty database and an empty store:
/// <code>
/// servers stopped? ► both empty? ► mark them ► blobs, each checked as it arrives ► metadata ► compare ► commit
/// </code>
/// If anything fails before the end, the database is still empty, and the restore can be run again: blobs that came
/// before are kept.
/// </summary>
internal sealed class BackupRestore(
    BackupPlace place, BackupManifest manifest, Database database, IBlobStore store, string workFolder,
    TimeProvider clock)
{
    private const int Parallel = 8;
    private const int NamedLost = 20;

    private readonly List<string> lost = [];
    private long lostCount;

    public BackupProgress Progress { get; } = new();

    /// <param name="skipsDamaged">Whether what is whole is restored although something is not.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="DatabaseInUseException">A server uses the target: known at once, and kept out at the end.
    /// </exception>
    /// <exception cref="InvalidDataException">The target is not empty, or the backup is damaged or of a newer Berth.
    /// </exception>
    public async Task<RestoredBackup> RunAsync(bool skipsDamaged, CancellationToken cancellation)
    {
        Progress.BytesToDo = Math.Max(1, manifest.Bytes);
        await database.RequireUnusedAsync(cancellation);
        await RequireEmptyAsync(database, cancellation);
        await RequireEmptyStoreAsync(cancellation);
        await new StoreIdentity(database, store, clock).RequireAsync(mayWrite: true, cancellation);
        Progress.Step = "Metadata";
        await using var source = await BackupMetadata.UnpackAsync(place, manifest, workFolder, cancellation);
        Progress.Step = "Blobs";
        await CopyBlobsAsync(cancellation);
        if (lostCount > 0 && !skipsDamaged)
        {
            throw new InvalidDataException(
                $"the backup is damaged, and nothing of it serves yet: {lost[0]} (faults: {lostCount}). Restore "
                + "another one with --at, or what is whole with --skip-damaged");
        }

        Progress.Step = "Metadata";
        var tables = await new MetadataCopy(source.Database, database, isOfBackup: true).RunAsync(cancellation);
        if (tables.Find(table => !table.IsSame) is { } differing)
        {
            throw new InvalidDataException(
                $"the restored table {differing.Name} differs from the backup: nothing of the metadata was kept");
        }

        return new RestoredBackup(tables, lost, lostCount);
    }

    /// <exception cref="InvalidDataException">There is metadata in the database.</exception>
    public static async Task RequireEmptyAsync(Database database, CancellationToken cancellation)
    {
        foreach (var table in new[] { "repository", "account", "blob", "manifest_body" })
        {
            var first = await database.ReadAsync(
                session => session.NumberAsync($"SELECT 1 FROM {table} LIMIT 1"), cancellation);
            if (first is null) continue;
            throw new InvalidDataException(
                $"there is already a registry in {database.Name} (table {table}): restore into an empty database");
        }
    }

    /// <summary>Blobs of a restore into this very database, which was cut off, may be there.</summary>
    private async Task RequireEmptyStoreAsync(CancellationToken cancellation)
    {
        if (await store.FindMarkAsync(cancellation) is not null) return;
        if (await store.ListAsync(cancellation).AnyAsync(cancellation))
            throw new InvalidDataException($"there are already blobs in {store.Name}: restore into an empty store");
    }

    private async Task CopyBlobsAsync(CancellationToken cancellation)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation };
        await System.Threading.Tasks.Parallel.ForEachAsync(
            BlobList.ReadAsync(place, manifest, cancellation), parallel,
            async (blob, stop) => await CopyAsync(blob, stop));
    }

    private async Task CopyAsync(ListedBlob blob, CancellationToken cancellation)
    {
        try
        {
            if (await store.LengthOfAsync(blob.Digest, cancellation) != blob.Bytes)
            {
                using var content = await place.Blobs.OpenAsync(blob.Digest, cancellation)
                    ?? throw new DamagedSourceException("it is missing");
                await BlobCopy.RunAsync(content, blob.Digest, store, cancellation);
            }

            Progress.Add(blob.Bytes);
        }
        catch (DamagedSourceException e)
        {
            lock (lost)
            {
                lostCount++;
                if (lost.Count < NamedLost) lost.Add($"blob {blob.Digest}: {e.Message}");
            }
        }
    }
}
