using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A repository, with how many tags and manifests it has.</summary>
internal sealed record CountedRepository(long Id, string Name, long Tags, long Manifests);

/// <summary>Some repositories: one, those of a namespace, or all.</summary>
internal readonly record struct UsageScope(string? Repository, string? Namespace)
{
    public static UsageScope All => default;

    /// <summary>Whether it has all there are.</summary>
    public bool IsAll => Repository is null && Namespace is null;

    /// <summary>Which repositories r it has, in SQL with the parameters $1 and $2.</summary>
    public string Condition => Repository is not null ? "r.name = $1 AND r.name = $2"
        : IsAll ? "$1 = $2"
        : "(r.name = $1 OR (r.name > $1 || '/' AND r.name < $2))";

    public string First => Repository ?? Namespace ?? "";

    /// <summary>Names that go on after a slash come before this.</summary>
    public string Last => Repository ?? (IsAll ? "" : Namespace + "0");
}

/// <summary>What repositories keep, as it is linked there.</summary>
internal static class UsageTable
{
    /// <summary>The repositories there are, with those that are in the trash.</summary>
    public static ValueTask<List<CountedRepository>> RepositoriesAsync(Session session, UsageScope scope) =>
        session.AllAsync(
            $"""
            SELECT r.id, r.name, (SELECT count(*) FROM tag t WHERE t.repository_id = r.id),
                (SELECT count(*) FROM manifest m WHERE m.repository_id = r.id)
            FROM repository r WHERE {scope.Condition}
            """,
            row => new CountedRepository(row.GetInt64(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3)),
            scope.First, scope.Last);

    /// <summary>How many tags a repository has, and how many of these attach nothing, of so many at most.</summary>
    public static async ValueTask<(long All, long Own)> TagsAsync(Session session, long repositoryId, int most) =>
        (await session.AllAsync(
            $"""
            SELECT count(*), count(CASE WHEN {TagTable.IsOwn("name")} THEN 1 END) FROM (
                SELECT name FROM tag WHERE repository_id = $1 LIMIT $2) counted
            """,
            row => (row.GetInt64(0), row.GetInt64(1)), repositoryId, most)).Single();

    /// <summary>The bytes of all that a repository links.</summary>
    public static async ValueTask<long> UsedBytesAsync(Session session, long repositoryId) =>
        await session.NumberAsync("SELECT used_bytes FROM repository_usage WHERE repository_id = $1", repositoryId)
        ?? 0;

    /// <summary>The bytes of all that a namespace links, each blob once.</summary>
    public static async ValueTask<long> NamespaceBytesAsync(Session session, string space) =>
        await session.NumberAsync("SELECT used_bytes FROM namespace_usage WHERE namespace = $1", space) ?? 0;

    /// <summary>
    /// Reads repository, digest and size of all links of the blobs that some repositories have, also those elsewhere,
    /// in order of the digests.
    /// </summary>
    public static ValueTask EachLinkAsync(Session session, UsageScope scope, Action<DbDataReader> read) => scope.IsAll
        ? session.EachAsync("SELECT repository_id, digest, size_bytes FROM repository_blob ORDER BY digest", read)
        : session.EachAsync(
            $"""
            SELECT repository_id, digest, size_bytes FROM repository_blob WHERE digest IN (
                SELECT l.digest FROM repository_blob l JOIN repository r ON r.id = l.repository_id
                WHERE {scope.Condition})
            ORDER BY digest
            """,
            read, scope.First, scope.Last);

    /// <summary>Links that only manifests in the trash need.</summary>
    public static async ValueTask<HashSet<(long RepositoryId, string Digest)>> OnlyInTrashAsync(
        Session session, UsageScope scope) => [.. await session.AllAsync(
            OnlyInTrash(scope), row => (row.GetInt64(0), row.GetString(1)), scope.First, scope.Last)];

    /// <summary>The bytes of a repository or a namespace that only manifests in the trash need.</summary>
    public static async ValueTask<long> TrashBytesAsync(Session session, UsageScope scope) =>
        await session.NumberAsync(
            scope.Repository is not null
                ? $"""
                  SELECT CAST(coalesce(sum(l.size_bytes), 0) AS BIGINT) FROM ({OnlyInTrash(scope)}) o
                  JOIN repository_blob l ON l.repository_id = o.repository_id AND l.digest = o.target_digest
                  """
                : $"""
                  SELECT CAST(coalesce(sum(b.size_bytes), 0) AS BIGINT) FROM (
                      SELECT target_digest AS digest, count(*) AS links FROM ({OnlyInTrash(scope)}) o
                      GROUP BY target_digest) d
                  JOIN namespace_blob b ON b.namespace = $1 AND b.digest = d.digest AND b.links = d.links
                  """,
            scope.First, scope.Last) ?? 0;

    /// <summary>Counts anew what triggers have not counted, in a transaction that nobody writes beside.</summary>
    public static ValueTask RecountAsync(Session session) => session.RunScriptAsync(session.Translate(
        """
        DELETE FROM repository_usage;
        DELETE FROM namespace_blob;
        DELETE FROM namespace_usage;
        INSERT INTO repository_usage (repository_id, used_bytes)
            SELECT repository_id, CAST(sum(size_bytes) AS BIGINT) FROM repository_blob GROUP BY repository_id;
        INSERT INTO namespace_blob (namespace, digest, size_bytes, links)
            SELECT {namespace of r.name}, l.digest, max(l.size_bytes), count(*)
            FROM repository_blob l JOIN repository r ON r.id = l.repository_id GROUP BY 1, 2;
        INSERT INTO namespace_usage (namespace, used_bytes)
            SELECT namespace, CAST(sum(size_bytes) AS BIGINT) FROM namespace_blob GROUP BY namespace;
        """));

    private static string OnlyInTrash(UsageScope scope) =>
        $"""
        SELECT DISTINCT f.repository_id, f.target_digest FROM trash_manifest t
        JOIN repository r ON r.id = t.repository_id
        JOIN manifest_reference f ON f.repository_id = t.repository_id AND f.manifest_digest = t.digest
        JOIN repository_blob k ON k.repository_id = f.repository_id AND k.digest = f.target_digest
        WHERE {scope.Condition} AND f.kind <> 'Subject' AND NOT EXISTS (SELECT 1 FROM manifest_reference g
            JOIN manifest m ON m.repository_id = g.repository_id AND m.digest = g.manifest_digest
            WHERE g.repository_id = f.repository_id AND g.target_digest = f.target_digest AND g.kind <> 'Subject')
        """;
}
