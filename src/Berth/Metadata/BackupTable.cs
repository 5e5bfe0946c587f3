using System.Data.Common;

namespace Berth.Metadata;

/// <summary>The states of a backup, as the table has them.</summary>
internal static class BackupStates
{
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Whole = "whole";
    public const string Damaged = "damaged";
    public const string Failed = "failed";
    public const string Removed = "removed";
}

/// <summary>A backup that this registry made or is to make.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Place">Where it lies.</param>
/// <param name="State">One of <see cref="BackupStates"/>.</param>
internal sealed record BackupRow(long Id, string Place, string State)
{
    /// <summary>Its name there; null before it is complete.</summary>
    public string? Name { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public long Tags { get; init; }

    public long Manifests { get; init; }

    public long Blobs { get; init; }

    public long Bytes { get; init; }

    /// <summary>Those that were not there from earlier ones.</summary>
    public long NewBytes { get; init; }

    /// <summary>When it was last read again and compared with its digests.</summary>
    public DateTimeOffset? CheckedAt { get; init; }

    /// <summary>Why it failed, or what is wrong with it.</summary>
    public string? Error { get; init; }
}

/// <summary>Backups that this registry made.</summary>
internal static class BackupTable
{
    /// <summary>The most that are kept.</summary>
    private const int Kept = 1000;

    private const string Columns =
        """
        id, place, name, state, started_at, ended_at, tags, manifests, blobs, bytes, new_bytes, checked_at, error
        FROM backup
        """;

    public static ValueTask<BackupRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>Those with ids before one, the newest first.</summary>
    public static ValueTask<List<BackupRow>> ListAsync(Session session, long before, int count) =>
        session.AllAsync($"SELECT {Columns} WHERE id < $1 ORDER BY id DESC LIMIT $2", Read, before, count);

    /// <summary>Those at a place that may still be there, the newest first.</summary>
    public static ValueTask<List<BackupRow>> PresentAsync(Session session, string place) => session.AllAsync(
        $"SELECT {Columns} WHERE place = $1 AND name IS NOT NULL AND state IN ($2, $3) ORDER BY id DESC", Read,
        place, BackupStates.Whole, BackupStates.Damaged);

    /// <summary>Records one.</summary>
    public static async ValueTask<BackupRow> AddAsync(Session session, BackupRow row)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO backup (place, state, started_at, tags, manifests, blobs, bytes, new_bytes)
            VALUES ($1, $2, $3, 0, 0, 0, 0, 0) RETURNING id
            """,
            row.Place, row.State, row.StartedAt.ToUnixTimeMilliseconds());
        await session.RunAsync("DELETE FROM backup WHERE id <= $1", id!.Value - Kept);
        return row with { Id = id.Value };
    }

    /// <summary>Writes what became of one.</summary>
    public static ValueTask<int> UpdateAsync(Session session, BackupRow row) => session.RunAsync(
        """
        UPDATE backup SET name = $2, state = $3, started_at = $4, ended_at = $5, tags = $6, manifests = $7, blobs = $8,
            bytes = $9, new_bytes = $10, checked_at = $11, error = $12
        WHERE id = $1
        """,
        row.Id, row.Name, row.State, row.StartedAt.ToUnixTimeMilliseconds(), row.EndedAt?.ToUnixTimeMilliseconds(),
        row.Tags, row.Manifests, row.Blobs, row.Bytes, row.NewBytes, row.CheckedAt?.ToUnixTimeMilliseconds(),
        row.Error);

    /// <summary>Notes that backups of a place are no longer there.</summary>
    public static ValueTask<int> NoteRemovedAsync(Session session, string place, IEnumerable<string> names) =>
        session.RunAsync(
            $"UPDATE backup SET state = $3 WHERE place = $1 AND name IN ({session.TextsIn("$2")})",
            place, Session.ToTexts(names), BackupStates.Removed);

    private static BackupRow Read(DbDataReader row) => new(row.GetInt64(0), row.GetString(1), row.GetString(3))
    {
        Name = row.TextOrNull(2),
        StartedAt = row.Time(4),
        EndedAt = row.TimeOrNull(5),
        Tags = row.GetInt64(6),
        Manifests = row.GetInt64(7),
        Blobs = row.GetInt64(8),
        Bytes = row.GetInt64(9),
        NewBytes = row.GetInt64(10),
        CheckedAt = row.TimeOrNull(11),
        Error = row.TextOrNull(12),
    };
}
