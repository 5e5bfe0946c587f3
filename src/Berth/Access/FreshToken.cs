using Berth.Metadata;

namespace Berth.Access;

/// <summary>A token that is about to be made. Its secret is shown once, and the table has only the hash.</summary>
/// <param name="Row">What the table gets to know of it.</param>
/// <param name="Secret">What its owner gets.</param>
internal sealed record FreshToken(TokenRow Row, TokenSecret Secret)
{
    /// <param name="kind">One of <see cref="TokenKinds"/>.</param>
    /// <param name="accountId">Whose it is.</param>
    /// <param name="name">What its owner calls it.</param>
    /// <param name="by">Who makes it.</param>
    /// <param name="now">The time.</param>
    /// <param name="expiresAt">When it ends; null: never.</param>
    public static FreshToken Make(
        string kind, long accountId, string name, string by, DateTimeOffset now, DateTimeOffset? expiresAt = null)
    {
        var secret = TokenSecret.Make(kind);
        var row = new TokenRow(0, accountId, kind, name)
        {
            Hint = secret.Hint,
            CreatedAt = now,
            CreatedBy = by,
            ExpiresAt = expiresAt?.ToUniversalTime(),
        };
        return new FreshToken(row, secret);
    }

    /// <summary>Makes it, in a change. Answers what the table now has.</summary>
    public ValueTask<TokenRow> AddAsync(Session session) => TokenTable.AddAsync(session, Row, Secret.Hash);
}
