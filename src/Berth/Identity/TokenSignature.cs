using Berth.Settings;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Identity;

/// <summary>
/// Verifies signatures of tokens, only with algorithms by which a public key verifies: with others, the public key
/// could be used as a secret (RFC 8725, section 2.1).
/// </summary>
internal static class TokenSignature
{
    /// <summary>The library would keep objects for keys that are long gone.</summary>
    private static readonly CryptoProviderFactory Signatures = new() { CacheSignatureProviders = false };

    private static readonly JsonWebTokenHandler Tokens =
        new() { MapInboundClaims = false, MaximumTokenSizeInBytes = SentToken.MaxChars };

    /// <summary>Whether one of these keys made a token's signature. Has the library look at all the rest too.</summary>
    /// <param name="token">Without a fault.</param>
    /// <param name="keys">Those that its header allows.</param>
    /// <param name="issuer">Its issuer.</param>
    /// <param name="audiences">It is for one of these.</param>
    /// <param name="isInTime">Whether it is valid at this time.</param>
    public static async Task<bool> IsByAsync(
        SentToken token, List<JsonWebKey> keys, string issuer, IReadOnlyList<string> audiences, Func<bool> isInTime)
    {
        var checks = new TokenValidationParameters
        {
            ValidIssuer = issuer,
            ValidAudiences = audiences,
            IgnoreTrailingSlashWhenValidatingAudience = false,
            ValidAlgorithms = TokenIssuerSettings.KnownAlgorithms,
            RequireSignedTokens = true,
            LifetimeValidator = (_, _, _, _) => isInTime(),
            IssuerSigningKeyResolver = (_, _, _, _) => keys,
            CryptoProviderFactory = Signatures,
        };
        return (await Tokens.ValidateTokenAsync(token.Text, checks)).IsValid;
    }
}
