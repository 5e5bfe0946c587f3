namespace Berth.Metadata;

/// <summary>What a namespace or a repository keeps.</summary>
internal sealed record KeptBytes(string Name, long Bytes);

/// <summary>Where the space of the registry is, from what is counted already.</summary>
internal static class StorageTable
{
    /// <summary>What all namespaces keep. A blob that several have counts for each.</summary>
    public static async ValueTask<long> SumAsync(Session session) => await session.NumberAsync(
        "SELECT CAST(coalesce(sum(used_bytes), 0) AS BIGINT) FROM namespace_usage") ?? 0;

    public static ValueTask<List<KeptBytes>> NamespacesAsync(Session session, int count) => session.AllAsync(
        """
        SELECT namespace, used_bytes FROM namespace_usage WHERE used_bytes > 0
        ORDER BY used_bytes DESC, namespace LIMIT $1
        """,
        row => new KeptBytes(row.GetString(0), row.GetInt64(1)), count);

    public static ValueTask<List<KeptBytes>> RepositoriesAsync(Session session, int count) => session.AllAsync(
        """
        SELECT r.name, u.used_bytes FROM (
            SELECT repository_id, used_bytes FROM repository_usage WHERE used_bytes > 0
            ORDER BY used_bytes DESC, repository_id LIMIT $1) u
        JOIN repository r ON r.id = u.repository_id ORDER BY u.used_bytes DESC, r.name
        """,
        row => new KeptBytes(row.GetString(0), row.GetInt64(1)), count);
}
