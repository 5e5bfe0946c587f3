using Berth.Metadata;

namespace Berth.Backups;

/// <summary>What became of a backup that somebody wanted removed.</summary>
/// <param name="FreedBytes">How many bytes went with it.</param>
/// <param name="Fault">Why what only it needed is still there; null if it is gone too.</param>
internal sealed record RemovedBackup(long FreedBytes, string? Fault);

/// <summary>Removes one backup of this registry, whole or damaged, and records that it is gone.</summary>
internal sealed class BackupRemoval(Database database, BackupPlace place, TimeProvider clock)
{
    /// <param name="name">Its name.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">There is none, or it is another registry's.</exception>
    /// <exception cref="IOException">A backup is being written there, or the place does not answer.</exception>
    public async Task<RemovedBackup> RunAsync(string name, CancellationToken cancellation)
    {
        var registry = await BackupRun.MarkOfAsync(database, cancellation);
        return await place.RunAloneAsync(
            async stop =>
            {
                await place.RequireOwnerAsync(registry, stop);
                if (await place.FindAsync(name, stop) is null)
                    throw new InvalidDataException($"there is no backup {name} in {place.Name}");
                var (bytes, fault) = await new BackupRetention(place, clock).RemoveAsync(name, stop);
                await database.WriteAsync(
                    session => BackupTable.NoteRemovedAsync(session, place.Name, [name]), isDurable: false, stop);
                return new RemovedBackup(bytes, fault);
            },
            cancellation);
    }
}
