using System.Data.Common;

namespace Berth.Metadata;

/// <summary>What a collection of garbage has removed.</summary>
/// <param name="Manifests">Manifests that are gone for good.</param>
/// <param name="Links">Blobs that are no longer served in a repository.</param>
/// <param name="Blobs">Blobs deleted from the store.</param>
/// <param name="Bytes">Their length, in bytes.</param>
internal sealed record GarbageReport(long Manifests, long Links, long Blobs, long Bytes)
{
    /// <summary>Manifests that were only moved to the trash.</summary>
    public long Trashed { get; init; }

    /// <summary>Entries of the trash that go for good; only an estimate counts them.</summary>
    public long? TrashEntries { get; init; }

    public static GarbageReport Nothing { get; } = new(0, 0, 0, 0);

    public static GarbageReport operator +(GarbageReport one, GarbageReport other) => new(
        one.Manifests + other.Manifests, one.Links + other.Links, one.Blobs + other.Blobs, one.Bytes + other.Bytes)
    {
        Trashed = one.Trashed + other.Trashed,
    };
}

/// <summary>The states of a collection, as the table has them.</summary>
internal static class CollectionStates
{
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Done = "done";
    public const string Failed = "failed";
}

/// <summary>A collection.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Grace">How long a blob stays that nothing needs.</param>
/// <param name="State">One of <see cref="CollectionStates"/>.</param>
/// <param name="Removed">What it has removed so far.</param>
/// <param name="EmptiesTrash">Whether the trash goes too.</param>
internal sealed record CollectionRow(
    long Id, TimeSpan Grace, string State, GarbageReport Removed, bool EmptiesTrash = false)
{
    public DateTimeOffset RequestedAt { get; init; }

    public string RequestedBy { get; init; } = "";

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it failed, so far as it did.</summary>
    public string? Error { get; init; }
}

/// <summary>Collections of garbage that somebody asked for, or that removed anything.</summary>
internal static class CollectionTable
{
    /// <summary>The most that are kept.</summary>
    private const int Kept = 1000;

    private const string Columns =
        """
        id, grace_ms, state, requested_at, requested_by, started_at, ended_at, manifests, links, blobs, bytes, error,
            empties_trash, trashed
        FROM garbage_collection
        """;

    public static ValueTask<CollectionRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>Those with ids before one, the newest first.</summary>
    public static ValueTask<List<CollectionRow>> ListAsync(Session session, long before, int count) =>
        session.AllAsync($"SELECT {Columns} WHERE id < $1 ORDER BY id DESC LIMIT $2", Read, before, count);

    /// <summary>Records that one is wanted.</summary>
    public static async ValueTask<CollectionRow> AddAsync(Session session, CollectionRow row)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO garbage_collection (
                grace_ms, state, requested_at, requested_by, manifests, links, blobs, bytes, empties_trash)
            VALUES ($1, $2, $3, $4, 0, 0, 0, 0, $5) RETURNING id
            """,
            (long)row.Grace.TotalMilliseconds, row.State, row.RequestedAt.ToUnixTimeMilliseconds(), row.RequestedBy,
            row.EmptiesTrash ? 1 : 0);
        await session.RunAsync("DELETE FROM garbage_collection WHERE id <= $1", id!.Value - Kept);
        return row with { Id = id.Value };
    }

    /// <summary>Writes how far it is.</summary>
    public static async ValueTask UpdateAsync(Session session, CollectionRow row) => await session.RunAsync(
        """
        UPDATE garbage_collection SET state = $2, started_at = $3, ended_at = $4, manifests = $5, links = $6,
            blobs = $7, bytes = $8, error = $9, trashed = $10
        WHERE id = $1
        """,
        row.Id, row.State, row.StartedAt?.ToUnixTimeMilliseconds(), row.EndedAt?.ToUnixTimeMilliseconds(),
        row.Removed.Manifests, row.Removed.Links, row.Removed.Blobs, row.Removed.Bytes, row.Error,
        row.Removed.Trashed);

    private static CollectionRow Read(DbDataReader row) => new(
        row.GetInt64(0), TimeSpan.FromMilliseconds(row.GetInt64(1)), row.GetString(2),
        new GarbageReport(row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10))
        {
            Trashed = row.GetInt64(13),
        },
        Convert.ToInt64(row.GetValue(12)) != 0)
    {
        RequestedAt = row.Time(3),
        RequestedBy = row.GetString(4),
        StartedAt = row.TimeOrNull(5),
        EndedAt = row.TimeOrNull(6),
        Error = row.TextOrNull(11),
    };
}
