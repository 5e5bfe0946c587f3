using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Accepts the tokens of another server in place of this one's (<c>auth.token</c>), as distribution does: what is in
/// their <c>access</c> is what the caller may do. Verified ones are remembered under a keyed hash until they expire or
/// the keys change. The files of keys are read again when they change.
/// </summary>
internal sealed partial class TrustedTokens
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(1);

    /// <summary>How far the other server's clock may be from this machine's; distribution's value.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    /// <summary>The cache of verified tokens, in characters: some thousands of the usual length.</summary>
    private const long KeptChars = 4 << 20;

    private readonly BoundedCache<Verified> known = new(KeptChars);
    private readonly TokenIssuerSettings settings;
    private readonly IReadOnlyList<string> algorithms;
    private readonly TimeProvider clock;
    private readonly ILogger<TrustedTokens> log;
    private volatile TrustedKeys keys;
    private volatile bool isUnreadable;
    private long readAt;

    /// <exception cref="StartException">The keys can't be read.</exception>
    public TrustedTokens(TokenIssuerSettings settings, TimeProvider clock, ILogger<TrustedTokens> log)
    {
        (this.settings, this.clock, this.log) = (settings, clock, log);
        algorithms = settings.SigningAlgorithms.Count > 0
            ? settings.SigningAlgorithms
            : TokenIssuerSettings.KnownAlgorithms;
        readAt = clock.GetTimestamp();
        keys = TrustedKeys.Read(settings);
    }

    /// <summary>Everything wrong with the files that the settings name.</summary>
    public static IEnumerable<SettingsFault> Check(AuthSettings? settings)
    {
        if (settings?.Token is not { } token) yield break;
        StartException? unreadable = null;
        try
        {
            TrustedKeys.Read(token);
        }
        catch (StartException e)
        {
            unreadable = e;
        }

        if (unreadable?.Message.Split(": ", 2) is not [var key, var reason]) yield break;
        yield return new SettingsFault(key.EndsWith("jwks", StringComparison.Ordinal)
            ? token.Jwks! : token.RootCertBundle!, null, key, reason);
    }

    /// <summary>Whom a token was issued to; null if it is worth nothing here.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="patience">How long after its end it still counts.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<Caller?> FindAsync(string text, TimeSpan patience, CancellationToken cancellation)
    {
        if (text.Length > SentToken.MaxChars) return null;
        var current = await CurrentKeysAsync(cancellation);
        var proof = KeyedHash.Of(text);
        if (known.TryGet(proof, out var seen) && seen.Keys == current && clock.GetUtcNow() < seen.KeyUntil)
            return clock.GetElapsedTime(seen.VerifiedAt) < seen.Left + patience ? seen.Caller : null;
        if (!SentToken.TryParse(text, out var token, out _) || !IsMeant(token) || !IsInTime(token, patience))
            return null;
        var (able, until) = current.For(token, clock.GetUtcNow());
        var isSigned = able.Count > 0 && await TokenSignature.IsByAsync(
            token, able, settings.Issuer, [settings.Service], () => IsInTime(token, patience));
        if (!isSigned || CallerOf(token) is not { } caller) return null;

        // From here on its age is measured by a monotonic clock.
        var left = token.Expires!.Value + ClockSkew - clock.GetUtcNow();
        known.Set(proof, new Verified(current, until, caller, clock.GetTimestamp(), left), text.Length);
        return caller;
    }

    /// <summary>Why a token is worth nothing here: the first of the reasons, if there are several.</summary>
    /// <param name="token">For which <see cref="FindAsync"/> finds nobody.</param>
    public string WhyNot(SentToken token)
    {
        var now = clock.GetUtcNow();
        if (token.Issuer != settings.Issuer)
            return $"its issuer (iss) is not {settings.Issuer}, which auth.token trusts";
        if (!token.IsFor([settings.Service]))
            return $"it is not for this registry: its aud is not {settings.Service} (auth.token.service)";
        if (!algorithms.Contains(token.Algorithm))
        {
            return $"its algorithm is not one of {string.Join(", ", algorithms)}, which auth.token allows";
        }

        if (token.Expires is not { } end) return "it does not say when it ends (exp)";
        if (now >= end + ClockSkew) return string.Create(CultureInfo.InvariantCulture, $"it expired at {end:u}");
        if (!IsInTime(token, TimeSpan.Zero))
            return string.Create(CultureInfo.InvariantCulture, $"it begins at {token.NotBefore:u} only");
        if (CallerOf(token) is null) return "its access is no list of rights";
        return keys.For(token, now).Keys.Count == 0
            ? "the key that it names or brings along is not in the files of auth.token, does not fit its algorithm, or "
                + "its certificate is not valid at present"
            : "its signature is not by a key in the files of auth.token";
    }

    private bool IsMeant(SentToken token) => token.Issuer == settings.Issuer
        && token.IsFor([settings.Service]) && algorithms.Contains(token.Algorithm);

    private bool IsInTime(SentToken token, TimeSpan patience)
    {
        var now = clock.GetUtcNow();
        return token.Expires is { } expires && now < expires + ClockSkew + patience
            && (token.NotBefore is not { } begins || now > begins - ClockSkew);
    }

    /// <summary>Null if what it may do can't be read.</summary>
    private static Caller? CallerOf(SentToken token)
    {
        var scopes = new List<AccessScope>();
        if (token.Claims.TryGetProperty("access", out var access) && access.ValueKind != JsonValueKind.Null)
        {
            if (access.ValueKind != JsonValueKind.Array) return null;
            scopes.AddRange(access.EnumerateArray().Select(AccessScope.Read).OfType<AccessScope>());
        }

        var name = token.Subject.Length > 0 ? PlainText.Of(token.Subject) : Caller.Anonymous.Name;
        return new Caller(null, CallerKind.Token, name, SignInMethod.Token)
        {
            Scopes = scopes,
            OwnGrants = [.. scopes.Select(scope => scope.ToGrant("the token server allows it")).OfType<Grant>()],
        };
    }

    private async ValueTask<TrustedKeys> CurrentKeysAsync(CancellationToken cancellation)
    {
        var last = Interlocked.Read(ref readAt);
        if (clock.GetElapsedTime(last) < ReadEvery
            || Interlocked.CompareExchange(ref readAt, clock.GetTimestamp(), last) != last)
        {
            return keys;
        }

        try
        {
            var read = await TrustedKeys.ReadAgainAsync(settings, keys, cancellation);
            if (isUnreadable) LogReadable();
            isUnreadable = false;
            if (read == keys) return read;
            keys = read;
            LogChanged(read.Count);
        }
        catch (StartException e)
        {
            // A file is being replaced: the previous keys stay valid until it can be read again.
            if (!isUnreadable) LogUnreadable(e.Message);
            isUnreadable = true;
        }

        return keys;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The keys of the token server changed; {Count} are known")]
    private partial void LogChanged(int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Reason}; the previous keys of the token server stay valid")]
    private partial void LogUnreadable(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The keys of the token server can be read again")]
    private partial void LogReadable();

    /// <summary>A token whose signature was verified, without the signature.</summary>
    private sealed record Verified(
        TrustedKeys Keys, DateTimeOffset KeyUntil, Caller Caller, long VerifiedAt, TimeSpan Left);
}
