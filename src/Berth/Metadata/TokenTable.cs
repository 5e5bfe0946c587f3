using System.Data.Common;

namespace Berth.Metadata;

/// <summary>The kinds of tokens, as the table has them.</summary>
internal static class TokenKinds
{
    /// <summary>A user's, in place of the password.</summary>
    public const string Personal = "personal";

    /// <summary>The most of them that a user has, however they were made.</summary>
    public const int MaxPersonal = 200;

    /// <summary>A robot's only credentials.</summary>
    public const string Robot = "robot";

    /// <summary>What a client keeps instead of the password, to get access tokens with.</summary>
    public const string Refresh = "refresh";

    /// <summary>The secret in the link of an invitation, which is in a table of its own.</summary>
    public const string Invitation = "invitation";
}

/// <summary>A secret of an account. The table has only its hash.</summary>
/// <param name="Id">Its number.</param>
/// <param name="AccountId">Whose it is.</param>
/// <param name="Kind">One of <see cref="TokenKinds"/>.</param>
/// <param name="Name">What its owner calls it; for a refresh token, the client.</param>
internal sealed record TokenRow(long Id, long AccountId, string Kind, string Name)
{
    /// <summary>The secret's last characters, by which people tell tokens apart.</summary>
    public string Hint { get; init; } = "";

    /// <summary>Names of the actions that it allows at most; null: all.</summary>
    public string? Actions { get; init; }

    /// <summary>Patterns of the repositories that it is good for, with spaces between; null: all.</summary>
    public string? Patterns { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it was last used, to the minute.</summary>
    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>The address from which it was last used.</summary>
    public string? UsedFrom { get; init; }

    public bool IsOver(DateTimeOffset now) => ExpiresAt is { } end && now >= end;
}

/// <summary>A use of a token, to be recorded.</summary>
internal sealed record TokenUse(long Id, DateTimeOffset At, string? From);

/// <summary>Personal, robot and refresh tokens.</summary>
internal static class TokenTable
{
    private const string Columns =
        """
        id, account_id, kind, name, hint, actions, patterns, created_at, created_by, expires_at, used_at, used_from
        """;

    public static ValueTask<TokenRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} FROM token WHERE id = $1", Read, id);

    public static ValueTask<TokenRow?> FindAsync(Session session, string hash) =>
        session.FirstAsync($"SELECT {Columns} FROM token WHERE hash = $1", Read, hash);

    /// <summary>An account's tokens of a kind with ids after one.</summary>
    public static ValueTask<List<TokenRow>> ListAsync(
        Session session, long accountId, string kind, long after, int count) => session.AllAsync(
            $"SELECT {Columns} FROM token WHERE account_id = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4",
            Read, accountId, kind, after, count);

    public static async ValueTask<long> CountAsync(Session session, long accountId, string kind) =>
        await session.NumberAsync(
            "SELECT count(*) FROM token WHERE account_id = $1 AND kind = $2", accountId, kind) ?? 0;

    public static async ValueTask<TokenRow> AddAsync(Session session, TokenRow token, string hash) => token with
    {
        Id = await session.NumberAsync(
            """
            INSERT INTO token (
                account_id, kind, name, hash, hint, actions, patterns, created_at, created_by, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id
            """,
            token.AccountId, token.Kind, token.Name, hash, token.Hint, token.Actions, token.Patterns,
            token.CreatedAt.ToUnixTimeMilliseconds(), token.CreatedBy,
            token.ExpiresAt?.ToUnixTimeMilliseconds()) ?? 0,
    };

    public static async ValueTask SetExpiryAsync(Session session, long id, DateTimeOffset? expiresAt) =>
        await session.RunAsync(
            "UPDATE token SET expires_at = $2 WHERE id = $1", id, expiresAt?.ToUnixTimeMilliseconds());

    public static async ValueTask<bool> RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM token WHERE id = $1", id) > 0;

    /// <summary>Deletes all but an account's newest tokens of a kind.</summary>
    public static ValueTask<int> KeepNewestAsync(Session session, long accountId, string kind, int count) =>
        session.RunAsync(
            """
            DELETE FROM token WHERE account_id = $1 AND kind = $2 AND id <= coalesce(
                (SELECT id FROM token WHERE account_id = $1 AND kind = $2 ORDER BY id DESC LIMIT 1 OFFSET $3), 0)
            """,
            accountId, kind, count);

    /// <summary>Revokes an account's tokens of a kind.</summary>
    public static async ValueTask RemoveAllAsync(Session session, long accountId, string kind) =>
        await session.RunAsync("DELETE FROM token WHERE account_id = $1 AND kind = $2", accountId, kind);

    /// <summary>Deletes tokens that ended before a time, at most so many.</summary>
    public static ValueTask<int> TrimAsync(Session session, DateTimeOffset before, int count) => session.RunAsync(
        "DELETE FROM token WHERE id IN (SELECT id FROM token WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        before.ToUnixTimeMilliseconds(), count);

    /// <summary>Records uses. One that is older than what is recorded changes nothing.</summary>
    public static ValueTask NoteUsesAsync(Session session, IEnumerable<TokenUse> uses) => session.RunEachAsync(
        "UPDATE token SET used_at = $2, used_from = $3 WHERE id = $1 AND (used_at IS NULL OR used_at < $2)",
        [.. uses.Select(use => new object?[] { use.Id, use.At.ToUnixTimeMilliseconds(), use.From })]);

    private static TokenRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3))
    {
        Hint = row.GetString(4),
        Actions = row.TextOrNull(5),
        Patterns = row.TextOrNull(6),
        CreatedAt = row.Time(7),
        CreatedBy = row.GetString(8),
        ExpiresAt = row.TimeOrNull(9),
        UsedAt = row.TimeOrNull(10),
        UsedFrom = row.TextOrNull(11),
    };
}
