namespace Berth.Metadata;

/// <summary>Secret keys that all nodes share, one for each purpose.</summary>
internal static class SharedKeyTable
{
    /// <summary>For the digests of settings in the audit log.</summary>
    public const string AuditPurpose = "audit-settings";

    /// <summary>The key for a purpose; null if there is none yet.</summary>
    public static async ValueTask<byte[]?> FindAsync(Session session, string purpose) => await session.FirstAsync(
        "SELECT secret FROM signing_key WHERE purpose = $1", row => row.GetFieldValue<byte[]>(0), purpose);

    /// <summary>Keeps a key, unless another node was faster.</summary>
    public static async ValueTask AddAsync(Session session, string purpose, byte[] key, DateTimeOffset now) =>
        await session.RunAsync(
            "INSERT INTO signing_key (purpose, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            purpose, key, now.ToUnixTimeMilliseconds());
}
