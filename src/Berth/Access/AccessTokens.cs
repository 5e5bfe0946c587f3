using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Access;

/// <summary>
/// Tokens that replace a sign-in for some minutes (distribution, "Token Authentication Implementation"): a JSON Web
/// Token (RFC 7519), signed by HMAC with a key that all nodes share. Verifying one needs no database.
/// </summary>
internal sealed class AccessTokens(SigningKeyTable keys, AuthSettings? settings, TimeProvider clock)
{
    /// <summary>The issuer and audience of tokens. Clients pass it back unchanged.</summary>
    public const string ServiceName = "berth";

    /// <summary>The most characters in a token; the server's own limit on headers is larger.</summary>
    private const int MaxTokenChars = 16 * 1024;

    /// <summary>What is left of it for the claims, which base64 makes longer by a third.</summary>
    private const int MaxClaimBytes = (MaxTokenChars / 4 * 3) - 512;

    /// <summary>The cache of recently verified tokens, in characters: some thousands of the usual length.</summary>
    private const long KeptChars = 4 << 20;

    /// <summary>
    /// The only header accepted, <c>{"alg":"HS256","typ":"JWT"}</c>: a token does not choose how it is verified.
    /// </summary>
    private static readonly string Header = Base64Url.EncodeToString("""{"alg":"HS256","typ":"JWT"}"""u8) + ".";

    private readonly BoundedCache<ReadToken> known = new(KeptChars);
    private byte[]? key;

    public TimeSpan Lifetime { get; } = (settings ?? new AuthSettings()).TokenLifetime;

    /// <summary>A token that is good for these scopes, or for the first of them, as many as it has room for.</summary>
    /// <exception cref="DatabaseUnavailableException">The key has not been loaded yet, and can't be read.</exception>
    public async ValueTask<IssuedToken> IssueAsync(
        string subject, IReadOnlyList<AccessScope> scopes, DateTimeOffset issuedAt, CancellationToken cancellation)
    {
        key ??= await keys.FindOrAddAsync("token", cancellation);
        var granted = new List<AccessScope>();
        var claims = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(claims))
        {
            json.WriteStartObject();
            json.WriteString("iss", ServiceName);
            json.WriteString("aud", ServiceName);
            json.WriteString("sub", subject);
            json.WriteNumber("iat", issuedAt.ToUnixTimeSeconds());
            json.WriteNumber("exp", (issuedAt + Lifetime).ToUnixTimeSeconds());
            json.WriteString("jti", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
            json.WriteStartArray("access");
            foreach (var scope in scopes)
            {
                if (json.BytesCommitted + json.BytesPending + scope.MostBytes > MaxClaimBytes) break;
                scope.Write(json);
                granted.Add(scope);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        var signed = Header + Base64Url.EncodeToString(claims.WrittenSpan);
        return new IssuedToken($"{signed}.{Base64Url.EncodeToString(Sign(signed))}", granted);
    }

    /// <summary>
    /// The caller whom a token was issued to; null if it is not ours, was tampered with, or has expired.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">The key has not been loaded yet, and can't be read.</exception>
    public ValueTask<Caller?> FindAsync(string token, CancellationToken cancellation)
    {
        if (token.Length > MaxTokenChars || !token.StartsWith(Header, StringComparison.Ordinal))
        {
            return new ValueTask<Caller?>((Caller?)null);
        }

        if (known.TryGet(token, out var read)) return new ValueTask<Caller?>(IsOver(read) ? null : read.Caller);
        return ReadAsync(token, cancellation);
    }

    private async ValueTask<Caller?> ReadAsync(string token, CancellationToken cancellation)
    {
        key ??= await keys.FindOrAddAsync("token", cancellation);
        if (!TryOpen(token, out var claims) || !TryRead(claims, out var caller, out var expires)) return null;
        var left = expires - clock.GetUtcNow();
        if (left <= TimeSpan.Zero) return null;

        // From here on its age is measured by a monotonic clock.
        var read = new ReadToken(caller, clock.GetTimestamp(), left < Lifetime ? left : Lifetime);
        known.Set(token, read, token.Length);
        return caller;
    }

    private bool IsOver(ReadToken read) => clock.GetElapsedTime(read.ReadAt) >= read.Left;

    private bool TryOpen(string token, [NotNullWhen(true)] out byte[]? claims)
    {
        claims = null;
        var dot = token.LastIndexOf('.');
        if (dot < Header.Length) return false;
        // Compared as text: in base64, several texts decode to the same bytes, and only one of them was issued.
        var right = Base64Url.EncodeToString(Sign(token[..dot]));
        if (!CryptographicOperations.FixedTimeEquals(
            MemoryMarshal.AsBytes(token.AsSpan(dot + 1)), MemoryMarshal.AsBytes(right.AsSpan())))
        {
            return false;
        }

        claims = Base64Url.DecodeFromChars(token.AsSpan(Header.Length, dot - Header.Length));
        return true;
    }

    /// <summary>What we signed is well-formed, but another version of Berth may have written other claims.</summary>
    private static bool TryRead(byte[] claims, [NotNullWhen(true)] out Caller? caller, out DateTimeOffset expires)
    {
        (caller, expires) = (null, default);
        using var json = JsonDocument.Parse(claims);
        var root = json.RootElement;
        if (!root.TryGetProperty("aud", out var audience) || !audience.ValueEquals(ServiceName)) return false;
        expires = DateTimeOffset.FromUnixTimeSeconds(root.GetProperty("exp").GetInt64());
        var subject = root.GetProperty("sub").GetString()!;
        var scopes = new List<AccessScope>();
        foreach (var scope in root.GetProperty("access").EnumerateArray())
        {
            if (AccessScope.Read(scope) is { } read) scopes.Add(read);
        }

        // Anonymous callers need no token: theirs are for clients that insist on one.
        caller = subject.Length == 0
            ? Caller.AnonymousWithToken
            : new Caller(null, CallerKind.User, subject, SignInMethod.Token, scopes);
        return true;
    }

    private byte[] Sign(string text) => HMACSHA256.HashData(key!, Encoding.ASCII.GetBytes(text));

    private sealed record ReadToken(Caller Caller, long ReadAt, TimeSpan Left);
}

/// <summary>A token as its client gets it, and all that it is good for.</summary>
internal sealed record IssuedToken(string Text, IReadOnlyList<AccessScope> Scopes);
