using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A repository that an account has starred.</summary>
internal sealed record StarRow(string Repository, DateTimeOffset StarredAt, string? Description, long Stars);

/// <summary>Which repositories accounts have starred, and how many have starred each.</summary>
internal static class StarTable
{
    /// <summary>Those of an account with names after <paramref name="last"/>, in order.</summary>
    public static ValueTask<List<StarRow>> ListAsync(Session session, long accountId, string last, int count) =>
        session.AllAsync(
            """
            SELECT r.name, s.starred_at, r.description, r.stars FROM star s JOIN repository r ON r.id = s.repository_id
            WHERE s.account_id = $1 AND r.name > $2 AND r.deleted_at IS NULL ORDER BY r.name LIMIT $3
            """,
            Read, accountId, last, count);

    /// <summary>The names of all that an account has starred.</summary>
    public static ValueTask<List<string>> NamesAsync(Session session, long accountId) => session.AllAsync(
        "SELECT r.name FROM star s JOIN repository r ON r.id = s.repository_id WHERE s.account_id = $1",
        row => row.GetString(0), accountId);

    public static async ValueTask<long> CountAsync(Session session, long accountId) =>
        await session.NumberAsync("SELECT count(*) FROM star WHERE account_id = $1", accountId) ?? 0;

    public static async ValueTask<bool> HasAsync(Session session, long accountId, long repositoryId) =>
        await session.NumberAsync(
            "SELECT 1 FROM star WHERE account_id = $1 AND repository_id = $2", accountId, repositoryId) is not null;

    /// <summary>Stars a repository, unless the account has.</summary>
    public static async ValueTask AddAsync(Session session, long accountId, long repositoryId, DateTimeOffset now)
    {
        var added = await session.RunAsync(
            """
            INSERT INTO star (account_id, repository_id, starred_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
            """,
            accountId, repositoryId, now.ToUnixTimeMilliseconds());
        if (added > 0) await session.RunAsync("UPDATE repository SET stars = stars + 1 WHERE id = $1", repositoryId);
    }

    /// <summary>Takes a star back, if there is one.</summary>
    public static async ValueTask RemoveAsync(Session session, long accountId, long repositoryId)
    {
        var removed = await session.RunAsync(
            "DELETE FROM star WHERE account_id = $1 AND repository_id = $2", accountId, repositoryId);
        if (removed > 0) await session.RunAsync("UPDATE repository SET stars = stars - 1 WHERE id = $1", repositoryId);
    }

    /// <summary>Takes all stars of an account back.</summary>
    public static async ValueTask RemoveAllAsync(Session session, long accountId)
    {
        // In the order in which the counts of pulls lock repositories, so that neither waits for the other in turn.
        var starred = await session.AllAsync(
            """
            SELECT r.id FROM star s JOIN repository r ON r.id = s.repository_id WHERE s.account_id = $1 ORDER BY r.name
            """,
            row => row.GetInt64(0), accountId);
        await session.RunEachAsync(
            "UPDATE repository SET stars = stars - 1 WHERE id = $1", [.. starred.Select(id => new object?[] { id })]);
        await session.RunAsync("DELETE FROM star WHERE account_id = $1", accountId);
    }

    private static StarRow Read(DbDataReader row) => new(
        row.GetString(0), row.Time(1), row.TextOrNull(2), row.GetInt64(3));
}
