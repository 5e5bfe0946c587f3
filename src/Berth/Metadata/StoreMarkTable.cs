using System.Data.Common;

namespace Berth.Metadata;

/// <summary>The mark of the store of blobs that a database belongs to.</summary>
/// <param name="Mark">A random name.</param>
/// <param name="IsInStore">Whether the store has it. Until then, a store without any may get it.</param>
internal sealed record StoreMark(string Mark, bool IsInStore)
{
    /// <summary>
    /// The mark of the database that this one is a copy of, if this one has not been used yet: the store has that one,
    /// and gets its own from the copy's first start, so that it refuses the original from then on.
    /// </summary>
    public string? Replaces { get; init; }

    /// <summary>What the store should have.</summary>
    public string Expected => Replaces ?? Mark;
}

/// <summary>The mark of the database's store: one row, from the first start on.</summary>
internal static class StoreMarkTable
{
    private const string Columns = "SELECT mark, marked_at, replaces FROM store_mark WHERE id = 1";

    public static ValueTask<StoreMark?> FindAsync(Session session) => session.FirstAsync(Columns, Read);

    /// <summary>Keeps a mark, unless another node was faster, and returns the one that is kept.</summary>
    public static async ValueTask<StoreMark> AddAsync(Session session, string mark, DateTimeOffset now)
    {
        await session.RunAsync(
            "INSERT INTO store_mark (id, mark, made_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
            mark, now.ToUnixTimeMilliseconds());
        return (await FindAsync(session))!;
    }

    /// <summary>Forgets the mark.</summary>
    public static ValueTask<int> RemoveAsync(Session session) =>
        session.RunAsync("DELETE FROM store_mark WHERE id = 1");

    /// <summary>The same as <see cref="FindAsync"/>, and other nodes wait until this write has ended.</summary>
    public static ValueTask<StoreMark?> LockAsync(Session session) =>
        session.FirstAsync($"{Columns}{session.ForUpdate}", Read);

    /// <summary>Notes that the store has the mark.</summary>
    public static async ValueTask NoteAsync(Session session, DateTimeOffset now) => await session.RunAsync(
        "UPDATE store_mark SET marked_at = $1, replaces = NULL WHERE id = 1", now.ToUnixTimeMilliseconds());

    /// <summary>Gives a copied database a mark of its own, which replaces the original's at its first start.</summary>
    public static async ValueTask BecomeCopyAsync(Session session, string mark)
    {
        // A database that has not marked its store yet has nothing to replace.
        if (await FindAsync(session) is not { } original || original is { IsInStore: false, Replaces: null }) return;
        await session.RunAsync(
            "UPDATE store_mark SET mark = $1, replaces = $2, marked_at = NULL WHERE id = 1", mark, original.Expected);
    }

    private static StoreMark Read(DbDataReader row) =>
        new(row.GetString(0), !row.IsDBNull(1)) { Replaces = row.TextOrNull(2) };
}
