using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A browser that is signed in. The table has only the hash of its cookie.</summary>
/// <param name="Hash">The hash.</param>
/// <param name="AccountId">Who signed in.</param>
/// <param name="Source">With what: <c>password</c>, or the source of an external user.</param>
internal sealed record SessionRow(string Hash, long AccountId, string Source)
{
    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was last used, to the minute.</summary>
    public DateTimeOffset UsedAt { get; init; }

    /// <summary>The address from which they signed in.</summary>
    public string? Address { get; init; }

    /// <summary>The browser.</summary>
    public string? Agent { get; init; }
}

/// <summary>Browsers that are signed in.</summary>
internal static class SessionTable
{
    private const string Columns = "hash, account_id, source, created_at, expires_at, used_at, address, agent";

    public static ValueTask<SessionRow?> FindAsync(Session session, string hash) =>
        session.FirstAsync($"SELECT {Columns} FROM session WHERE hash = $1", Read, hash);

    /// <summary>An account's sessions, the newest first.</summary>
    public static ValueTask<List<SessionRow>> ListAsync(Session session, long accountId, int count) =>
        session.AllAsync(
            $"SELECT {Columns} FROM session WHERE account_id = $1 ORDER BY created_at DESC, hash LIMIT $2",
            Read, accountId, count);

    public static async ValueTask AddAsync(Session session, SessionRow row) => await session.RunAsync(
        """
        INSERT INTO session (hash, account_id, source, created_at, expires_at, used_at, address, agent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        row.Hash, row.AccountId, row.Source, row.CreatedAt.ToUnixTimeMilliseconds(),
        row.ExpiresAt.ToUnixTimeMilliseconds(), row.UsedAt.ToUnixTimeMilliseconds(), row.Address, row.Agent);

    public static async ValueTask NoteUseAsync(Session session, string hash, DateTimeOffset at) =>
        await session.RunAsync(
            "UPDATE session SET used_at = $2 WHERE hash = $1 AND used_at < $2", hash, at.ToUnixTimeMilliseconds());

    public static async ValueTask<bool> RemoveAsync(Session session, string hash) =>
        await session.RunAsync("DELETE FROM session WHERE hash = $1", hash) > 0;

    /// <summary>Signs an account out of all browsers.</summary>
    public static async ValueTask RemoveAllAsync(Session session, long accountId) =>
        await session.RunAsync("DELETE FROM session WHERE account_id = $1", accountId);

    /// <summary>Signs an account out of all browsers but one.</summary>
    public static async ValueTask RemoveOthersAsync(Session session, long accountId, string? kept) =>
        await session.RunAsync("DELETE FROM session WHERE account_id = $1 AND hash <> $2", accountId, kept ?? "");

    /// <summary>Deletes what expired before a time.</summary>
    public static ValueTask<int> RemoveExpiredAsync(Session session, DateTimeOffset before) =>
        session.RunAsync("DELETE FROM session WHERE expires_at < $1", before.ToUnixTimeMilliseconds());

    private static SessionRow Read(DbDataReader row) => new(row.GetString(0), row.GetInt64(1), row.GetString(2))
    {
        CreatedAt = row.Time(3),
        ExpiresAt = row.Time(4),
        UsedAt = row.Time(5),
        Address = row.TextOrNull(6),
        Agent = row.TextOrNull(7),
    };
}
