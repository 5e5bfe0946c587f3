namespace Berth.Metadata;

/// <summary>Some blobs, and their length in bytes.</summary>
internal readonly record struct BlobAmount(long Count, long Bytes);

/// <summary>What waits to be removed. An index has just these rows, so what is in use costs nothing.</summary>
/// <param name="Links">
/// Blobs of repositories that nothing needs there, and that are not served any more: they go after the rest of the
/// grace period.
/// </param>
/// <param name="Blobs">Blobs of the store that no repository has any more: the next round deletes them.</param>
/// <param name="Trashed">Blobs of repositories that only manifests in the trash need, as the collector found.</param>
/// <param name="TrashEntries">Entries of the trash.</param>
internal sealed record GarbageBacklog(BlobAmount Links, BlobAmount Blobs, BlobAmount Trashed, long TrashEntries)
{
    /// <summary>Of links, blobs, and links that only the trash needs: how many there are, and their length.</summary>
    public static readonly IReadOnlyList<string> Statements =
    [
        StatementOf("repository_blob WHERE condemned_at IS NOT NULL AND is_trashed = 0"),
        StatementOf("blob WHERE condemned_at IS NOT NULL"),
        StatementOf("repository_blob WHERE is_trashed = 1"),
    ];

    public static async ValueTask<GarbageBacklog> ReadAsync(Session session) => new(
        await AmountAsync(session, Statements[0]), await AmountAsync(session, Statements[1]),
        await AmountAsync(session, Statements[2]), await session.NumberAsync("SELECT count(*) FROM trash") ?? 0);

    private static string StatementOf(string rows) =>
        $"SELECT count(*), CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM {rows}";

    private static async ValueTask<BlobAmount> AmountAsync(Session session, string statement) =>
        (await session.AllAsync(statement, row => new BlobAmount(row.GetInt64(0), row.GetInt64(1))))[0];
}
