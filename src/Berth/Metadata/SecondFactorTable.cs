using System.Data.Common;

namespace Berth.Metadata;

/// <summary>An app that shows a new code every 30 seconds.</summary>
/// <param name="AccountId">Whose.</param>
/// <param name="Secret">What it makes the codes of.</param>
internal sealed record AuthenticatorRow(long AccountId, byte[] Secret)
{
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Whether its user has shown that it works. Before, it counts for nothing.</summary>
    public bool IsConfirmed { get; init; }

    /// <summary>The time step of the last code that was used.</summary>
    public long LastStep { get; init; }
}

/// <summary>A key pair of a device or a password manager, of which this registry has the public half.</summary>
/// <param name="Id">The credential's id, in base64url.</param>
/// <param name="AccountId">Whose.</param>
/// <param name="Name">What its owner calls it.</param>
/// <param name="PublicKey">The key, as COSE has it (RFC 9052).</param>
internal sealed record PasskeyRow(string Id, long AccountId, string Name, byte[] PublicKey)
{
    /// <summary>How often the device says that it has signed; 0 if it does not count.</summary>
    public long SignCount { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>When the challenge was made that was last answered.</summary>
    public DateTimeOffset LastTicketAt { get; init; }
}

/// <summary>What an account needs besides its password to sign in.</summary>
/// <param name="App">The app, if it is confirmed.</param>
/// <param name="Passkeys">The passkeys, the oldest first.</param>
/// <param name="RecoveryCodes">How many codes were not used yet.</param>
internal sealed record HeldFactors(AuthenticatorRow? App, List<PasskeyRow> Passkeys, long RecoveryCodes);

/// <summary>What users sign in with besides their password.</summary>
internal static class SecondFactorTable
{
    private const string PasskeyColumns =
        "id, account_id, name, public_key, sign_count, created_at, used_at, last_ticket_at";

    private static readonly string[] Removals =
    [
        "DELETE FROM authenticator WHERE account_id = $1",
        "DELETE FROM recovery_code WHERE account_id = $1",
        "DELETE FROM passkey WHERE account_id = $1",
    ];

    public static ValueTask<AuthenticatorRow?> FindAuthenticatorAsync(Session session, long accountId) =>
        session.FirstAsync(
            "SELECT account_id, secret, created_at, is_confirmed, last_step FROM authenticator WHERE account_id = $1",
            row => new AuthenticatorRow(row.GetInt64(0), row.GetFieldValue<byte[]>(1))
            {
                CreatedAt = row.Time(2),
                IsConfirmed = row.GetInt64(3) != 0,
                LastStep = row.GetInt64(4),
            },
            accountId);

    /// <summary>All that counts for an account.</summary>
    public static async ValueTask<HeldFactors> HeldByAsync(Session session, long accountId) => new(
        await FindAuthenticatorAsync(session, accountId) is { IsConfirmed: true } app ? app : null,
        await PasskeysAsync(session, accountId), await CountRecoveryCodesAsync(session, accountId));

    /// <summary>Puts an app in place of the one that the account has.</summary>
    public static async ValueTask PutAuthenticatorAsync(Session session, AuthenticatorRow row)
    {
        await RemoveAuthenticatorAsync(session, row.AccountId);
        await session.RunAsync(
            "INSERT INTO authenticator (account_id, secret, created_at, is_confirmed, last_step) "
            + "VALUES ($1, $2, $3, $4, $5)",
            row.AccountId, row.Secret, row.CreatedAt.ToUnixTimeMilliseconds(), row.IsConfirmed ? 1 : 0, row.LastStep);
    }

    /// <summary>Confirms it, and notes the code's time step. False if a code of that time was used already.</summary>
    public static async ValueTask<bool> UseAuthenticatorAsync(Session session, long accountId, long step) =>
        await session.RunAsync(
            "UPDATE authenticator SET is_confirmed = 1, last_step = $2 WHERE account_id = $1 AND last_step < $2",
            accountId, step) > 0;

    public static async ValueTask<bool> RemoveAuthenticatorAsync(Session session, long accountId) =>
        await session.RunAsync("DELETE FROM authenticator WHERE account_id = $1", accountId) > 0;

    /// <summary>Puts new recovery codes in place of the old.</summary>
    public static async ValueTask SetRecoveryCodesAsync(
        Session session, long accountId, IReadOnlyCollection<string> hashes)
    {
        await session.RunAsync("DELETE FROM recovery_code WHERE account_id = $1", accountId);
        foreach (var hash in hashes)
        {
            await session.RunAsync(
                "INSERT INTO recovery_code (account_id, hash) VALUES ($1, $2)", accountId, hash);
        }
    }

    /// <summary>Uses a recovery code up. False if there is none with this hash.</summary>
    public static async ValueTask<bool> UseRecoveryCodeAsync(Session session, long accountId, string hash) =>
        await session.RunAsync(
            "DELETE FROM recovery_code WHERE account_id = $1 AND hash = $2", accountId, hash) > 0;

    private static async ValueTask<long> CountRecoveryCodesAsync(Session session, long accountId) =>
        await session.NumberAsync("SELECT count(*) FROM recovery_code WHERE account_id = $1", accountId) ?? 0;

    public static ValueTask<PasskeyRow?> FindPasskeyAsync(Session session, string id) =>
        session.FirstAsync($"SELECT {PasskeyColumns} FROM passkey WHERE id = $1", ReadPasskey, id);

    /// <summary>An account's passkeys, the oldest first.</summary>
    public static ValueTask<List<PasskeyRow>> PasskeysAsync(Session session, long accountId) => session.AllAsync(
        $"SELECT {PasskeyColumns} FROM passkey WHERE account_id = $1 ORDER BY created_at, id", ReadPasskey, accountId);

    /// <returns>False if there is one with this id.</returns>
    public static async ValueTask<bool> AddPasskeyAsync(Session session, PasskeyRow row) => await session.RunAsync(
        """
        INSERT INTO passkey (id, account_id, name, public_key, sign_count, created_at, used_at, last_ticket_at)
        VALUES ($1, $2, $3, $4, $5, $6, NULL, $7) ON CONFLICT DO NOTHING
        """,
        row.Id, row.AccountId, row.Name, row.PublicKey, row.SignCount, row.CreatedAt.ToUnixTimeMilliseconds(),
        row.LastTicketAt.ToUnixTimeMilliseconds()) > 0;

    /// <summary>Notes a sign-in. False if this answer, or a later one, was used already.</summary>
    public static async ValueTask<bool> UsePasskeyAsync(
        Session session, string id, long signCount, DateTimeOffset ticketAt, DateTimeOffset now) =>
        await session.RunAsync(
            """
            UPDATE passkey SET sign_count = $2, last_ticket_at = $3, used_at = $4
            WHERE id = $1 AND last_ticket_at < $3
            """,
            id, signCount, ticketAt.ToUnixTimeMilliseconds(), now.ToUnixTimeMilliseconds()) > 0;

    public static async ValueTask<bool> RemovePasskeyAsync(Session session, long accountId, string id) =>
        await session.RunAsync("DELETE FROM passkey WHERE account_id = $1 AND id = $2", accountId, id) > 0;

    /// <summary>Removes all that an account has.</summary>
    public static async ValueTask RemoveAllAsync(Session session, long accountId)
    {
        foreach (var statement in Removals) await session.RunAsync(statement, accountId);
    }

    /// <summary>Writes whether an account has a second factor, after a change to what it has.</summary>
    public static async ValueTask NoteAsync(Session session, long accountId) => await session.RunAsync(
        """
        UPDATE account SET has_second_factor = CASE WHEN
            EXISTS (SELECT 1 FROM authenticator WHERE account_id = $1 AND is_confirmed = 1)
            OR EXISTS (SELECT 1 FROM passkey WHERE account_id = $1) THEN 1 ELSE 0 END,
            version = version + 1
        WHERE id = $1
        """,
        accountId);

    private static PasskeyRow ReadPasskey(DbDataReader row) =>
        new(row.GetString(0), row.GetInt64(1), row.GetString(2), row.GetFieldValue<byte[]>(3))
        {
            SignCount = row.GetInt64(4),
            CreatedAt = row.Time(5),
            UsedAt = row.TimeOrNull(6),
            LastTicketAt = row.Time(7),
        };
}
