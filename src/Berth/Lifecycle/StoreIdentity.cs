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
/// M, a copy    its original the first start after copy-metadata: replaced, so that the original is refused
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
        "If the database was lost, run `berth rebuild` (docs/rebuilding.md), which brings the images back";

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

        var isCopy = known is { Replaces: not null };
        var isSame = known?.Mark == found || (isCopy && known!.Replaces == found);
        if (!isSame && (found is not null || isCopy || known is { IsInStore: true }))
            throw Refusal(known?.Expected, found);
        IsChecked = true;
    }

    /// <summary>A random mark.</summary>
    public static string NewMark() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(MarkBytes));

    /// <summary>Makes the store this database's, whatever it was before.</summary>
    /// <param name="isNew">Whether both get a new mark, as the clone of a registry should.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="IOException">The store does not answer.</exception>
    public async Task AdoptAsync(bool isNew, CancellationToken cancellation)
    {
        if (isNew) await database.WriteAsync(StoreMarkTable.RemoveAsync, isDurable: true, cancellation);
        var mark = await MakeAsync(cancellation);
        await store.MarkAsync(mark.Mark, replaces: true, cancellation);
        await NoteAsync(cancellation);

        // What the store's journal has may be of another registry.
        await database.WriteAsync(
            session => JournalTable.SetIncompleteAsync(session, isIncomplete: true), isDurable: true, cancellation);
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
        await MakeAsync(cancellation);

        // While this holds the row, another node with the same database and another store waits, and is then refused.
        await database.WriteAsync(
            async session =>
            {
                if (await StoreMarkTable.LockAsync(session) is not { IsInStore: false } locked) return false;
                var replaces = locked.Replaces is not null;
                if (!replaces || await store.FindMarkAsync(cancellation) == locked.Replaces)
                    await store.MarkAsync(locked.Mark, replaces, cancellation);
                if (await store.FindMarkAsync(cancellation) == locked.Mark)
                    await StoreMarkTable.NoteAsync(session, clock.GetUtcNow());
                return true;
            },
            isDurable: true, cancellation);
        var known = await database.ReadAsync(StoreMarkTable.FindAsync, cancellation);
        return (known!, await store.FindMarkAsync(cancellation));
    }

    private Task<StoreMark> MakeAsync(CancellationToken cancellation) => database.WriteAsync(
        session => StoreMarkTable.AddAsync(session, NewMark(), clock.GetUtcNow()),
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
