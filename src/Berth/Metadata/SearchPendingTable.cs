using System.Security.Cryptography;

namespace Berth.Metadata;

/// <summary>A repository whose words are to be looked at.</summary>
/// <param name="RepositoryId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="Mark">Another with each change.</param>
internal sealed record PendingRepository(long RepositoryId, string Name, long Mark);

/// <summary>
/// Repositories whose words in the index are to be looked at. A change that concerns many words notes its repository
/// here and ends; a job mends the words in short transactions.
/// </summary>
internal static class SearchPendingTable
{
    public const string JobKind = "mend-search";

    /// <summary>Adds the job that mends, unless one waits.</summary>
    public const string AddJob =
        $"""
        INSERT INTO job (kind, payload, due_at) SELECT '{JobKind}', '', 0
            WHERE NOT EXISTS (SELECT 1 FROM job WHERE kind = '{JobKind}' AND leased_by IS NULL)
        """;

    /// <summary>Notes a repository, and has it mended once the write has committed.</summary>
    public static async ValueTask AddAsync(Session session, long repositoryId)
    {
        await session.RunAsync(
            """
            INSERT INTO search_pending (repository_id, mark) VALUES ($1, $2)
            ON CONFLICT (repository_id) DO UPDATE SET mark = excluded.mark
            """,
            repositoryId, BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long))));
        await session.RunAsync(AddJob);
        await session.WakeJobsAsync();
    }

    /// <summary>Has some manifests of a repository indexed: at once if they are few.</summary>
    public static ValueTask IndexImagesAsync(Session session, long repositoryId, IReadOnlyList<string> digests) =>
        digests.Count > SearchWordTable.MaxAtOnce
            ? AddAsync(session, repositoryId)
            : SearchWordTable.IndexImagesAsync(session, repositoryId, digests);

    /// <summary>The first after one, in the order of their ids; null if there is none.</summary>
    public static ValueTask<PendingRepository?> NextAsync(Session session, long after) => session.FirstAsync(
        """
        SELECT p.repository_id, r.name, p.mark FROM search_pending p JOIN repository r ON r.id = p.repository_id
        WHERE p.repository_id > $1 ORDER BY p.repository_id LIMIT 1
        """,
        row => new PendingRepository(row.GetInt64(0), row.GetString(1), row.GetInt64(2)), after);

    /// <summary>Those of some repositories that are pending.</summary>
    public static ValueTask<List<long>> AmongAsync(Session session, IEnumerable<long> ids) => session.AllAsync(
        $"""
        WITH wanted (id) AS ({session.TextsIn("$1")})
        SELECT p.repository_id FROM wanted w CROSS JOIN search_pending p WHERE p.repository_id = CAST(w.id AS BIGINT)
        """,
        row => row.GetInt64(0), SearchTable.ToTexts(ids));

    /// <summary>It was mended; unless it has changed since it was read.</summary>
    public static ValueTask<int> RemoveAsync(Session session, PendingRepository one) => session.RunAsync(
        "DELETE FROM search_pending WHERE repository_id = $1 AND mark = $2", one.RepositoryId, one.Mark);
}
