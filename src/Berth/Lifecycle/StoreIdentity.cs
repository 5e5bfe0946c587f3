using System.Security.Cryptography;
using Berth.Blobs;
using Berth.Metadata;

namespace Berth.Lifecycle;

/// <summary>
/// Keeps a database and its store of blobs together: both have the same mark, made at the first start. With another
/// store, images would lose their blobs, and the collector would remove those of others.
/// <code>
/// database     store
/// none         none         make one: the database decides between nodes, and then marks the store under its lock
/// M, not yet   none         the same: a start was cut off
/// new          none, blobs  refused: the database was lost, or is the wrong one
/// M            M            they belong together
/// M            none, other  refused
/// none         some         refused
/// </code>
/// </summary>
internal sealed class StoreIdentity(Database database, IBlobStore store, TimeProvider clock)
{
    private const int MarkBytes = 16;

    private const string Advice = "Correct the settings under database or storage; or, if both are what you want, run "
        + "`berth adopt-store` (docs/backup.md)";

    private const string LostAdvice =
        "If the database was lost, run `berth rebuild` (docs/backup.md), which brings the images back";

    /// <summary>Whether <see cref="RequireAsync"/> has found that they belong together.</summary>
    public bool IsChecked { get; private set; }

    /// <param name="mayWrite">Whether they may be marked if neither is.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">They do not belong together.</exception>
    /// <exception cref="IOException">The store does not answer.</exception>
    public async Task RequireAsync(bool mayWrite, CancellationToken cancellation)
    {
        var known = await database.ReadAsync(StoreMarkTable.FindAsync, cancellation);
        var found = await store.FindMarkAsync(cancellation);

        // Another node that starts at the same time may have marked both in between.
        if (known is null && found is not null)
            known = await database.ReadAsync(StoreMarkTable.FindAsync, cancellation);
        if (mayWrite && (known is { IsInStore: false } || (known is null && found is null)))
        {
            if (known is null) await RequireOwnBlobsAsync(cancellation);
            (known, found) = await BindAsync(cancellation);
        }

        if (known?.Mark != found && (found is not null || known is { IsInStore: true }))
            throw Refusal(known?.Mark, found);
        IsChecked = true;
    }

    /// <summary>Makes the store this database's, whatever it was before.</summary>
    /// <exception cref="IOException">The store does not answer.</exception>
    public async Task AdoptAsync(CancellationToken cancellation)
    {
        var mark = await MakeAsync(cancellation);
        await store.MarkAsync(mark.Mark, replaces: true, cancellation);
        await NoteAsync(cancellation);
    }

    /// <summary>Registries from before there were marks know blobs, or have none.</summary>
    private async Task RequireOwnBlobsAsync(CancellationToken cancellation)
    {
        var isNew = await database.ReadAsync(
            session => session.NumberAsync("SELECT 1 FROM blob LIMIT 1"), cancellation) is null;
        if (!isNew || !await store.ListAsync(cancellation).AnyAsync(cancellation)) return;
        throw new InvalidDataException(
            $"there are blobs in {store.Name}, of which {database.Name}, which is new, knows none. {LostAdvice}. "
            + Advice);
    }

    private async Task<(StoreMark Known, string? Found)> BindAsync(CancellationToken cancellation)
    {
        var mark = await MakeAsync(cancellation);

        // While this holds the row, another node with the same database and another store waits, and is then refused.
        await database.WriteAsync(
            async session =>
            {
                if (await StoreMarkTable.LockAsync(session) is not { IsInStore: false }) return false;
                await store.MarkAsync(mark.Mark, replaces: false, cancellation);
                if (await store.FindMarkAsync(cancellation) == mark.Mark)
                    await StoreMarkTable.NoteAsync(session, clock.GetUtcNow());
                return true;
            },
            isDurable: true, cancellation);
        var known = await database.ReadAsync(StoreMarkTable.FindAsync, cancellation);
        return (known!, await store.FindMarkAsync(cancellation));
    }

    private Task<StoreMark> MakeAsync(CancellationToken cancellation) => database.WriteAsync(
        session => StoreMarkTable.AddAsync(
            session, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(MarkBytes)), clock.GetUtcNow()),
        isDurable: true, cancellation);

    private Task<bool> NoteAsync(CancellationToken cancellation) => database.WriteAsync(
        async session =>
        {
            await StoreMarkTable.NoteAsync(session, clock.GetUtcNow());
            return true;
        },
        isDurable: true, cancellation);

    private InvalidDataException Refusal(string? known, string? found) => new(
        (known, found) switch
        {
            (null, _) => $"the blobs in {store.Name} belong to another database than {database.Name}, which is new: "
                + $"their mark is {found}. {LostAdvice}",
            (_, null) => $"{database.Name} belongs to other blobs than those in {store.Name}, which have no mark: "
                + $"the database's is {known}",
            _ => $"{database.Name} and the blobs in {store.Name} do not belong together: the database's mark is "
                + $"{known}, that of the blobs {found}",
        }
        + $". {Advice}");
}
