using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What is in a layer that was pulled from elsewhere.</summary>
/// <param name="Files">The list of its files.</param>
/// <param name="Packages">The packages; null if there are none.</param>
/// <param name="SeenAt">When an image last had it.</param>
internal sealed record AdapterLayerRow(byte[] Files, byte[]? Packages, DateTimeOffset SeenAt);

/// <summary>What is known of images that others have scanned here: their layers and ecosystems.</summary>
internal static class AdapterLayerTable
{
    /// <summary>How long data is wanted after the last image that needs it.</summary>
    public static readonly TimeSpan WantedFor = TimeSpan.FromDays(30);

    /// <summary>More than there are releases of distributions in use. Whoever makes an image can invent others.
    /// </summary>
    public const int MaxEcosystems = 200;

    /// <summary>What a row takes besides its lists.</summary>
    private const int RowBytes = 256;

    /// <param name="session">A read.</param>
    /// <param name="registry">Where the layer is: scheme, host and port.</param>
    /// <param name="digest">The layer.</param>
    /// <param name="madeWith">The form of lists: others don't count.</param>
    public static ValueTask<AdapterLayerRow?> FindAsync(
        Session session, string registry, Digest digest, string madeWith) => session.FirstAsync(
        """
        SELECT content, packages, seen_at FROM adapter_layer
        WHERE registry = $1 AND digest = $2 AND made_with = $3
        """,
        row => new AdapterLayerRow(
            (byte[])row.GetValue(0), row.IsDBNull(1) ? null : (byte[])row.GetValue(1), row.Time(2)),
        registry, digest.Text, madeWith);

    public static ValueTask<int> SaveAsync(
        Session session, string registry, Digest digest, AdapterLayerRow row, string madeWith) => session.RunAsync(
        """
        INSERT INTO adapter_layer (registry, digest, seen_at, size_bytes, made_with, packages, content)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (registry, digest) DO UPDATE SET seen_at = excluded.seen_at, size_bytes = excluded.size_bytes,
            made_with = excluded.made_with, packages = excluded.packages, content = excluded.content
        """,
        registry, digest.Text, row.SeenAt.ToUnixTimeMilliseconds(),
        (long)row.Files.Length + (row.Packages?.Length ?? 0) + RowBytes, madeWith, row.Packages, row.Files);

    public static ValueTask<int> SeeAsync(Session session, string registry, Digest digest, DateTimeOffset now) =>
        session.RunAsync(
            "UPDATE adapter_layer SET seen_at = $3 WHERE registry = $1 AND digest = $2",
            registry, digest.Text, now.ToUnixTimeMilliseconds());

    /// <summary>How much all take.</summary>
    public static async ValueTask<long> SizeAsync(Session session) =>
        await session.NumberAsync("SELECT COALESCE(sum(size_bytes), 0) FROM adapter_layer") ?? 0;

    /// <summary>Forgets those seen longest ago. Returns how many.</summary>
    /// <param name="session">A write.</param>
    /// <param name="before">Only those that were last seen before this.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<int> RemoveAsync(Session session, DateTimeOffset before, int count) => session.RunAsync(
        """
        DELETE FROM adapter_layer WHERE (registry, digest) IN (
            SELECT registry, digest FROM adapter_layer WHERE seen_at < $1 ORDER BY seen_at, registry, digest LIMIT $2)
        """,
        before.ToUnixTimeMilliseconds(), count);

    /// <summary>Notes that data about an ecosystem is wanted. Of too many, those wanted longest ago are forgotten.
    /// Returns whether that was not noted since then.</summary>
    public static async ValueTask<bool> WantAsync(
        Session session, string ecosystem, DateTimeOffset now, DateTimeOffset since)
    {
        var noted = await session.RunAsync(
            """
            INSERT INTO adapter_ecosystem (name, seen_at) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at WHERE adapter_ecosystem.seen_at < $3
            """,
            ecosystem, now.ToUnixTimeMilliseconds(), since.ToUnixTimeMilliseconds());
        if (noted == 0) return false;
        await session.RunAsync(
            """
            DELETE FROM adapter_ecosystem WHERE name NOT IN (
                SELECT name FROM adapter_ecosystem ORDER BY seen_at DESC, name LIMIT $1)
            """,
            MaxEcosystems);
        return true;
    }

    /// <summary>Those that were wanted since a time.</summary>
    public static ValueTask<List<string>> WantedAsync(Session session, DateTimeOffset since) => session.AllAsync(
        "SELECT name FROM adapter_ecosystem WHERE seen_at >= $1", row => row.GetString(0),
        since.ToUnixTimeMilliseconds());

    /// <summary>Forgets those that nobody has wanted since a time.</summary>
    public static ValueTask<int> RemoveEcosystemsAsync(Session session, DateTimeOffset before) => session.RunAsync(
        "DELETE FROM adapter_ecosystem WHERE seen_at < $1", before.ToUnixTimeMilliseconds());
}
