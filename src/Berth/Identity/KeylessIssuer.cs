using System.Globalization;
using Berth.Settings;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Identity;

/// <summary>An issuer, and whether a token is a valid one of it.</summary>
internal sealed class KeylessIssuer(
    KeylessIssuerSettings settings, KeylessSettings limits, TimeProvider clock, ILogger log)
{
    public string Name => settings.Name;

    public string Url => settings.Url;

    public IssuerKeys Keys { get; } = new(settings, limits, clock, log);

    /// <summary>What is wrong with a token that names this issuer, but for its signature; null if nothing is.</summary>
    /// <param name="token">The token.</param>
    /// <param name="patience">How long ago it may have expired.</param>
    public string? FindFault(SentToken token, TimeSpan patience)
    {
        if (!TokenIssuerSettings.KnownAlgorithms.Contains(token.Algorithm))
            return "the token is signed in a way that is not accepted";
        if (token.Subject.Length == 0) return "the token names no subject";
        if (!token.IsFor(settings.Audience))
            return $"the token is meant for others: request it for the audience {settings.Audience[0]}";
        return FindFaultOfTime(token, patience);
    }

    /// <summary>Whether a key made the token's signature. Asks for all the rest once more.</summary>
    /// <param name="token">Without a fault.</param>
    /// <param name="keys">Those that its header allows.</param>
    /// <param name="patience">How long ago it may have expired.</param>
    public Task<bool> HasSignedAsync(SentToken token, List<JsonWebKey> keys, TimeSpan patience) =>
        TokenSignature.IsByAsync(
            token, keys, Url, settings.Audience, () => FindFaultOfTime(token, patience) is null);

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
