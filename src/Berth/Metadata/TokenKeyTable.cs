namespace Berth.Metadata;

/// <summary>A key that signs access tokens.</summary>
/// <param name="Id">The <c>kid</c> of the tokens that it signs.</param>
/// <param name="PrivateKey">The key (RFC 5958).</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record TokenKeyRow(string Id, byte[] PrivateKey, DateTimeOffset CreatedAt);

/// <summary>The keys that sign access tokens, shared by all nodes.</summary>
internal static class TokenKeyTable
{
    /// <summary>All keys, the newest first.</summary>
    public static ValueTask<List<TokenKeyRow>> AllAsync(Session session) => session.AllAsync(
        "SELECT id, private_key, created_at FROM token_key ORDER BY created_at DESC, id",
        row => new TokenKeyRow(
            row.GetString(0), row.GetFieldValue<byte[]>(1), row.Time(2)));

    /// <summary>Adds a key, unless another node has added one since a time.</summary>
    public static async ValueTask AddUnlessAsync(Session session, TokenKeyRow key, DateTimeOffset since) =>
        await session.RunAsync(
            """
            INSERT INTO token_key (id, private_key, created_at)
            SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM token_key WHERE created_at > $4)
            """,
            key.Id, key.PrivateKey, key.CreatedAt.ToUnixTimeMilliseconds(), since.ToUnixTimeMilliseconds());

    public static async ValueTask RemoveBeforeAsync(Session session, DateTimeOffset time) => await session.RunAsync(
        "DELETE FROM token_key WHERE created_at < $1", time.ToUnixTimeMilliseconds());
}
