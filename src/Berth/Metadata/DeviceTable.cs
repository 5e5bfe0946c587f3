using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A program without a browser that waits until somebody lets it in.</summary>
/// <param name="Hash">The hash of the code that only the program has.</param>
/// <param name="UserCode">The code that people type.</param>
/// <param name="Name">What the program calls itself, such as its machine.</param>
internal sealed record DeviceRow(string Hash, string UserCode, string Name)
{
    /// <summary>From where it asked.</summary>
    public string? Address { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Who let it in; null while nobody has.</summary>
    public long? AccountId { get; init; }

    public bool IsDenied { get; init; }
}

/// <summary>Programs that wait to be let in (RFC 8628).</summary>
internal static class DeviceTable
{
    private const string Columns =
        "hash, user_code, name, address, created_at, expires_at, account_id, is_denied";

    public static ValueTask<DeviceRow?> FindAsync(Session session, string hash) =>
        session.FirstAsync($"SELECT {Columns} FROM device_request WHERE hash = $1", Read, hash);

    public static ValueTask<DeviceRow?> FindByCodeAsync(Session session, string userCode) =>
        session.FirstAsync($"SELECT {Columns} FROM device_request WHERE user_code = $1", Read, userCode);

    public static async ValueTask<long> CountAsync(Session session) =>
        await session.NumberAsync("SELECT count(*) FROM device_request") ?? 0;

    /// <summary>False if the code that people type is taken.</summary>
    public static async ValueTask<bool> AddAsync(Session session, DeviceRow row) => await session.RunAsync(
        """
        INSERT INTO device_request (hash, user_code, name, address, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        row.Hash, row.UserCode, row.Name, row.Address, row.CreatedAt.ToUnixTimeMilliseconds(),
        row.ExpiresAt.ToUnixTimeMilliseconds()) > 0;

    /// <summary>Lets a program in, or refuses it. False if that was decided before.</summary>
    public static async ValueTask<bool> DecideAsync(
        Session session, string userCode, long accountId, bool isAllowed) => await session.RunAsync(
            """
            UPDATE device_request SET account_id = $2, is_denied = $3
            WHERE user_code = $1 AND account_id IS NULL AND is_denied = 0
            """,
            userCode, isAllowed ? accountId : null, isAllowed ? 0 : 1) > 0;

    public static async ValueTask<bool> RemoveAsync(Session session, string hash) =>
        await session.RunAsync("DELETE FROM device_request WHERE hash = $1", hash) > 0;

    public static ValueTask<int> RemoveExpiredAsync(Session session, DateTimeOffset before) =>
        session.RunAsync("DELETE FROM device_request WHERE expires_at < $1", before.ToUnixTimeMilliseconds());

    private static DeviceRow Read(DbDataReader row) => new(row.GetString(0), row.GetString(1), row.GetString(2))
    {
        Address = row.TextOrNull(3),
        CreatedAt = row.Time(4),
        ExpiresAt = row.Time(5),
        AccountId = row.NumberOrNull(6),
        IsDenied = row.GetInt64(7) != 0,
    };
}
