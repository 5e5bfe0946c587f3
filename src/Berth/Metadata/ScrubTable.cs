using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How far the pass is that reads all blobs again.</summary>
/// <param name="Position">Where it is; empty before the first blob.</param>
/// <param name="BeganAt">When the pass began.</param>
/// <param name="Blobs">How many it has read.</param>
/// <param name="Bytes">Their length.</param>
/// <param name="TotalBlobs">How many there were when it began.</param>
/// <param name="TotalBytes">Their length.</param>
internal sealed record ScrubPass(
    string Position, DateTimeOffset BeganAt, long Blobs, long Bytes, long TotalBlobs, long TotalBytes)
{
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>When the pass before this one ended.</summary>
    public DateTimeOffset? LastEndedAt { get; init; }
}

/// <summary>A blob that was found damaged or missing.</summary>
internal sealed record BlobFault(Digest Digest, DateTimeOffset FoundAt, string Fault)
{
    public DateTimeOffset? HealedAt { get; init; }

    /// <summary>One of <see cref="HealedFrom"/>.</summary>
    public string? HealedBy { get; init; }
}

/// <summary>What brought a blob back, as the table has it.</summary>
internal static class HealedFrom
{
    public const string Push = "push";
    public const string Backup = "backup";

    /// <summary>Nothing did, and no image needs it any more.</summary>
    public const string Gone = "gone";
}

/// <summary>The pass that reads all blobs again, and what it found.</summary>
internal static class ScrubTable
{
    /// <summary>How many healed faults are kept.</summary>
    private const int KeptFaults = 1000;

    private const string FaultColumns = "digest, found_at, fault, healed_at, healed_from FROM blob_fault";

    /// <summary>The pass over the registry's blobs.</summary>
    public const int OfRegistry = 1;

    /// <summary>The pass over its backups.</summary>
    public const int OfBackups = 2;

    public static ValueTask<ScrubPass?> FindAsync(Session session, int id = OfRegistry) => session.FirstAsync(
        """
        SELECT position, began_at, blobs, bytes, total_blobs, total_bytes, ended_at, last_ended_at FROM scrub
        WHERE id = $1
        """,
        row => new ScrubPass(
            row.GetString(0), row.Time(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4),
            row.GetInt64(5))
        {
            EndedAt = row.TimeOrNull(6),
            LastEndedAt = row.TimeOrNull(7),
        },
        id);

    public static ValueTask<int> WriteAsync(Session session, ScrubPass pass, int id = OfRegistry) => session.RunAsync(
        """
        INSERT INTO scrub (
            id, position, began_at, blobs, bytes, total_blobs, total_bytes, ended_at, last_ended_at)
        VALUES ($9, $1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET position = $1, began_at = $2, blobs = $3, bytes = $4, total_blobs = $5,
            total_bytes = $6, ended_at = $7, last_ended_at = $8
        """,
        pass.Position, pass.BeganAt.ToUnixTimeMilliseconds(), pass.Blobs, pass.Bytes, pass.TotalBlobs, pass.TotalBytes,
        pass.EndedAt?.ToUnixTimeMilliseconds(), pass.LastEndedAt?.ToUnixTimeMilliseconds(), id);

    /// <summary>Begins a pass, unless one is running.</summary>
    /// <returns>The pass that is running then, and whether it is a new one.</returns>
    public static async ValueTask<(ScrubPass Pass, bool IsNew)> BeginAsync(Session session, int id, DateTimeOffset now)
    {
        var last = await FindAsync(session, id);
        if (last is { EndedAt: null }) return (last, false);
        var pass = new ScrubPass("", now, 0, 0, 0, 0) { LastEndedAt = last?.EndedAt };
        await WriteAsync(session, pass, id);
        return (pass, true);
    }

    /// <summary>How many blobs there are, and their length.</summary>
    public static async ValueTask<(long Blobs, long Bytes)> TotalAsync(Session session)
    {
        var blobs = await session.NumberAsync("SELECT count(*) FROM blob WHERE deleting_at IS NULL") ?? 0;
        return (blobs, await session.NumberAsync("SELECT sum(size_bytes) FROM blob WHERE deleting_at IS NULL") ?? 0);
    }

    /// <summary>The next blobs in the order of their digests.</summary>
    public static ValueTask<List<Digest>> NextAsync(Session session, string after, int count) => session.AllAsync(
        "SELECT digest FROM blob WHERE digest > $1 AND deleting_at IS NULL ORDER BY digest LIMIT $2",
        row => Digest.Parse(row.GetString(0)), after, count);

    /// <summary>Whether a manifest needs a blob, in a repository that links it.</summary>
    public static async ValueTask<bool> IsNeededAsync(Session session, Digest digest) => await session.NumberAsync(
        """
        SELECT 1 FROM manifest_reference r JOIN repository_blob b
            ON b.repository_id = r.repository_id AND b.digest = r.target_digest
        WHERE r.target_digest = $1 AND r.kind <> 'Subject' LIMIT 1
        """,
        digest.Text) is not null;

    /// <summary>Records a fault; one that was healed begins anew.</summary>
    public static async ValueTask AddFaultAsync(Session session, BlobFault fault)
    {
        await session.RunAsync(
            """
            INSERT INTO blob_fault (digest, found_at, fault) VALUES ($1, $2, $3)
            ON CONFLICT (digest) DO UPDATE SET fault = $3, healed_at = NULL, healed_from = NULL,
                found_at = CASE WHEN blob_fault.healed_at IS NULL THEN blob_fault.found_at ELSE $2 END
            """,
            fault.Digest.Text, fault.FoundAt.ToUnixTimeMilliseconds(), fault.Fault);
        await session.RunAsync(
            """
            DELETE FROM blob_fault WHERE healed_at IS NOT NULL AND digest NOT IN (
                SELECT digest FROM blob_fault ORDER BY found_at DESC, digest LIMIT $1)
            """,
            KeptFaults);
    }

    public static ValueTask<int> NoteHealedAsync(Session session, Digest digest, string from, DateTimeOffset now) =>
        session.RunAsync(
            "UPDATE blob_fault SET healed_at = $2, healed_from = $3 WHERE digest = $1 AND healed_at IS NULL",
            digest.Text, now.ToUnixTimeMilliseconds(), from);

    /// <summary>Those that are not healed, after a digest.</summary>
    public static ValueTask<List<BlobFault>> OpenAsync(Session session, string after, int count) => session.AllAsync(
        $"SELECT {FaultColumns} WHERE healed_at IS NULL AND digest > $1 ORDER BY digest LIMIT $2", Read, after, count);

    /// <summary>All that are recorded, after a digest.</summary>
    public static ValueTask<List<BlobFault>> ListAsync(Session session, string after, int count) => session.AllAsync(
        $"SELECT {FaultColumns} WHERE digest > $1 ORDER BY digest LIMIT $2", Read, after, count);

    /// <summary>How many are recorded, and how many of them are not healed.</summary>
    public static async ValueTask<(long Found, long Open)> CountAsync(Session session) => (
        await session.NumberAsync("SELECT count(*) FROM blob_fault") ?? 0,
        await session.NumberAsync("SELECT count(*) FROM blob_fault WHERE healed_at IS NULL") ?? 0);

    private static BlobFault Read(DbDataReader row) =>
        new(Digest.Parse(row.GetString(0)), row.Time(1), row.GetString(2))
        {
            HealedAt = row.TimeOrNull(3),
            HealedBy = row.TextOrNull(4),
        };
}
