using System.Globalization;
using Berth.Settings;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Identity;

/// <summary>An issuer, and whether a token is a valid one of it.</summary>
internal sealed class KeylessIssuer(
    KeylessIssuerSettings settings, KeylessSettings limits, TimeProvider clock, ILogger log)
{
    /// <summary>
    /// Only those by which a public key verifies: with others, the public key could be used as a secret (RFC 8725,
    /// section 2.1).
    /// </summary>
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    /// <summary>The library would keep objects for keys that are long gone.</summary>
    private static readonly CryptoProviderFactory Signatures = new() { CacheSignatureProviders = false };

    private static readonly JsonWebTokenHandler Tokens =
        new() { MapInboundClaims = false, MaximumTokenSizeInBytes = SentToken.MaxChars };

    public string Name => settings.Name;

    public string Url => settings.Url;

    public IssuerKeys Keys { get; } = new(settings, limits, clock, log);

    /// <summary>What is wrong with a token that names this issuer, but for its signature; null if nothing is.</summary>
    /// <param name="token">The token.</param>
    /// <param name="patience">How long ago it may have expired.</param>
    public string? FindFault(SentToken token, TimeSpan patience)
    {
        if (!Algorithms.Contains(token.Algorithm)) return "the token is signed in a way that is not accepted";
        if (token.Subject.Length == 0) return "the token names no subject";
        if (!token.IsFor(settings.Audience))
            return $"the token is meant for others: request it for the audience {settings.Audience[0]}";
        return FindFaultOfTime(token, patience);
    }

    /// <summary>Whether a key made the token's signature. Asks for all the rest once more.</summary>
    /// <param name="token">Without a fault.</param>
    /// <param name="keys">Those that its header allows.</param>
    /// <param name="patience">How long ago it may have expired.</param>
    public async Task<bool> HasSignedAsync(SentToken token, List<JsonWebKey> keys, TimeSpan patience)
    {
        var checks = new TokenValidationParameters
        {
            ValidIssuer = Url,
            ValidAudiences = settings.Audience,
            IgnoreTrailingSlashWhenValidatingAudience = false,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            LifetimeValidator = (_, _, _, _) => FindFaultOfTime(token, patience) is null,
            IssuerSigningKeyResolver = (_, _, _, _) => keys,
            CryptoProviderFactory = Signatures,
        };
        return (await Tokens.ValidateTokenAsync(token.Text, checks)).IsValid;
    }

    private string? FindFaultOfTime(SentToken token, TimeSpan patience)
    {
        var (now, skew) = (clock.GetUtcNow(), limits.ClockSkew);
        if (token.Expires is not { } expires) return "the token never expires";
        if (token.IssuedAt is not { } issued) return "the token does not say when it was issued";
        if (expires <= now - skew - patience) return $"the token expired at {Write(expires)}, and it is {Write(now)}";
        if (issued > now + skew || token.NotBefore > now + skew)
            return $"the token is not valid yet: it is {Write(now)} here, so a clock is wrong";
        return expires - issued > limits.MaximumLifetime
            ? $"the token is valid for longer than {SettingsText.Write(limits.MaximumLifetime)}"
            : null;
    }

    private static string Write(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
