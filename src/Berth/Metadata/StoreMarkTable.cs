namespace Berth.Metadata;

/// <summary>The mark of the store of blobs that a database belongs to.</summary>
/// <param name="Mark">A random name.</param>
/// <param name="IsInStore">Whether the store has it. Until then, a store without any may get it.</param>
internal sealed record StoreMark(string Mark, bool IsInStore);

/// <summary>The mark of the database's store: one row, from the first start on.</summary>
internal static class StoreMarkTable
{
    public static ValueTask<StoreMark?> FindAsync(Session session) => session.FirstAsync(
        "SELECT mark, marked_at FROM store_mark WHERE id = 1",
        row => new StoreMark(row.GetString(0), !row.IsDBNull(1)));

    /// <summary>Keeps a mark, unless another node was faster, and returns the one that is kept.</summary>
    public static async ValueTask<StoreMark> AddAsync(Session session, string mark, DateTimeOffset now)
    {
        await session.RunAsync(
            "INSERT INTO store_mark (id, mark, made_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
            mark, now.ToUnixTimeMilliseconds());
        return (await FindAsync(session))!;
    }

    /// <summary>The same as <see cref="FindAsync"/>, and other nodes wait until this write has ended.</summary>
    public static ValueTask<StoreMark?> LockAsync(Session session) => session.FirstAsync(
        $"SELECT mark, marked_at FROM store_mark WHERE id = 1{session.ForUpdate}",
        row => new StoreMark(row.GetString(0), !row.IsDBNull(1)));

    /// <summary>Notes that the store has the mark.</summary>
    public static async ValueTask NoteAsync(Session session, DateTimeOffset now) => await session.RunAsync(
        "UPDATE store_mark SET marked_at = $1 WHERE id = 1", now.ToUnixTimeMilliseconds());
}
