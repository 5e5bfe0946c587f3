using System.Security.Cryptography;

namespace Berth.Metadata;

/// <summary>
/// Signing keys shared by all nodes, which survive restarts. Each is created by the first node that needs it.
/// </summary>
internal sealed class SigningKeyTable(Database database, TimeProvider clock)
{
    private const int KeyBytes = 32;

    /// <param name="purpose">What it signs. Each key has only one use.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async Task<byte[]> FindOrAddAsync(string purpose, CancellationToken cancellation)
    {
        if (await database.ReadAsync(session => FindAsync(session, purpose), cancellation) is { } known) return known;
        var made = RandomNumberGenerator.GetBytes(KeyBytes);
        return await database.WriteAsync(
            async session =>
            {
                await session.RunAsync(
                    """
                    INSERT INTO signing_key (purpose, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
                    """,
                    purpose, made, clock.GetUtcNow().ToUnixTimeMilliseconds());
                return (await FindAsync(session, purpose))!;
            },
            isDurable: true, cancellation);
    }

    private static ValueTask<byte[]?> FindAsync(Session session, string purpose) => session.FirstAsync(
        "SELECT secret FROM signing_key WHERE purpose = $1", row => row.GetFieldValue<byte[]>(0), purpose);
}
