using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Access;

/// <summary>
/// Tokens that replace a sign-in for some minutes (distribution, "Token Authentication Implementation"): a JSON Web
/// Token (RFC 7519), signed with ES256. One that was verified before is not verified again.
/// </summary>
internal sealed class AccessTokens(TokenKeys keys, AuthSettings settings, TimeProvider clock)
{
    /// <summary>The most characters in a token; the server's own limit on headers is larger.</summary>
    private const int MaxTokenChars = 16 * 1024;

    /// <summary>What is left of it for the claims, which base64 makes longer by a third.</summary>
    private const int MaxClaimBytes = (MaxTokenChars / 4 * 3) - 1024;

    /// <summary>The cache of recently verified tokens, in characters: some thousands of the usual length.</summary>
    private const long KeptChars = 4 << 20;

    private const string ScannerClaim = "scanner";

    private static readonly JsonWebTokenHandler Handler = new() { MaximumTokenSizeInBytes = MaxTokenChars };

    private readonly BoundedCache<ReadToken> known = new(KeptChars);

    /// <summary>The audience of tokens for this registry. Clients pass it back unchanged.</summary>
    public string Service => settings.Service;

    public TimeSpan Lifetime => settings.TokenLifetime;

    /// <summary>The audience for a service that a client names: a trusted one, or this registry.</summary>
    public string AudienceFor(string? service) =>
        service is not null && settings.OtherServices.Contains(service) ? service : Service;

    /// <summary>A token that is good for these scopes, or for the first of them, as many as it has room for.</summary>
    /// <param name="caller">Whose.</param>
    /// <param name="audience">For which service.</param>
    /// <param name="scopes">What it is to allow.</param>
    /// <param name="issuedAt">From when.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">No key is known, and none can be read.</exception>
    public ValueTask<IssuedToken> IssueAsync(
        Caller caller, string audience, IReadOnlyList<AccessScope> scopes, DateTimeOffset issuedAt,
        CancellationToken cancellation) =>
        IssueAsync(caller, audience, scopes, issuedAt, Lifetime, cancellation);

    /// <summary>The same for a scanner, for as long as its scan may take: it has nothing to get another one with.
    /// </summary>
    public async ValueTask<string> IssueToScannerAsync(
        string name, AccessScope scope, TimeSpan lifetime, CancellationToken cancellation) =>
        (await IssueAsync(Caller.Scanner(name), Service, [scope], clock.GetUtcNow(), lifetime, cancellation)).Text;

    private async ValueTask<IssuedToken> IssueAsync(
        Caller caller, string audience, IReadOnlyList<AccessScope> scopes, DateTimeOffset issuedAt, TimeSpan lifetime,
        CancellationToken cancellation)
    {
        var granted = new List<AccessScope>();
        var claims = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(claims))
        {
            json.WriteStartObject();
            WriteClaims(json, caller, audience, issuedAt, lifetime);
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

        var key = (await keys.AllAsync(cancellation))[0];
        var text = Handler.CreateToken(Encoding.UTF8.GetString(claims.WrittenSpan), key.Credentials);
        return new IssuedToken(text, granted);
    }

    /// <summary>The caller whom a token was issued to; null if it is not ours, was tampered with, or is over.</summary>
    /// <param name="token">Any text.</param>
    /// <param name="patience">How long after its end it still counts.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">No key is known, and none can be read.</exception>
    public ValueTask<Caller?> FindAsync(string token, TimeSpan patience, CancellationToken cancellation)
    {
        if (token.Length > MaxTokenChars) return new ValueTask<Caller?>((Caller?)null);
        return known.TryGet(token, out var read)
            ? new ValueTask<Caller?>(IsOver(read, patience) ? null : read.Caller)
            : ReadAsync(token, patience, cancellation);
    }

    private void WriteClaims(
        Utf8JsonWriter json, Caller caller, string audience, DateTimeOffset issuedAt, TimeSpan lifetime)
    {
        json.WriteString("iss", settings.Issuer);
        json.WriteString("sub", caller.Kind == CallerKind.Anonymous ? "" : caller.Name);
        json.WriteString("aud", audience);
        json.WriteNumber("iat", issuedAt.ToUnixTimeSeconds());
        json.WriteNumber("nbf", issuedAt.ToUnixTimeSeconds());
        json.WriteNumber("exp", (issuedAt + lifetime).ToUnixTimeSeconds());
        json.WriteString("jti", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
        json.WriteString("kind", Roles.Word(caller.Kind));
        if (caller.Id is { } account) json.WriteNumber("account", account);
        if (caller.SecretId is { } secret) json.WriteNumber("secret", secret);
        if (caller.IsScanner) json.WriteBoolean(ScannerClaim, true);
    }

    private async ValueTask<Caller?> ReadAsync(string token, TimeSpan patience, CancellationToken cancellation)
    {
        if (!TryParse(token, out var parsed)) return null;
        if (await keys.FindAsync(parsed.Kid, cancellation) is not { } key) return null;
        var result = await Handler.ValidateTokenAsync(parsed, new TokenValidationParameters
        {
            IssuerSigningKey = key.Key,
            TryAllIssuerSigningKeys = false,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidIssuer = settings.Issuer,
            ValidAudience = Service,

            // Checked below by our own clock, and again at each use.
            ValidateLifetime = false,
        });
        if (!result.IsValid || !TryRead(parsed, out var caller, out var expires)) return null;

        // From here on its age is measured by a monotonic clock.
        var left = expires - clock.GetUtcNow();
        var most = caller.IsScanner ? ScannerSettings.LongestScan : Lifetime;
        var read = new ReadToken(caller, clock.GetTimestamp(), left < most ? left : most);
        known.Set(token, read, token.Length);
        return IsOver(read, patience) ? null : caller;
    }

    private bool IsOver(ReadToken read, TimeSpan patience) => clock.GetElapsedTime(read.ReadAt) >= read.Left + patience;

    /// <summary>Before any key is looked up: most texts that are not tokens end here.</summary>
    private static bool TryParse(string token, [NotNullWhen(true)] out JsonWebToken? parsed)
    {
        parsed = null;
        try
        {
            parsed = new JsonWebToken(token);
            return parsed.Alg == SecurityAlgorithms.EcdsaSha256 && parsed.Kid is { Length: > 0 and <= 100 };
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException or JsonException)
        {
            return false;
        }
    }

    /// <summary>What we signed is well-formed, but another version of Berth may have written other claims.</summary>
    private static bool TryRead(JsonWebToken token, [NotNullWhen(true)] out Caller? caller, out DateTimeOffset expires)
    {
        (caller, expires) = (null, default);
        using var json = JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedPayload));
        var root = json.RootElement;
        if (!root.TryGetProperty("kind", out var word)
            || !Enum.TryParse<CallerKind>(word.GetString(), ignoreCase: true, out var kind))
        {
            return false;
        }

        expires = DateTimeOffset.FromUnixTimeSeconds(root.GetProperty("exp").GetInt64());
        var scopes = new List<AccessScope>();
        foreach (var scope in root.GetProperty("access").EnumerateArray())
        {
            if (AccessScope.Read(scope) is { } read) scopes.Add(read);
        }

        // Anonymous callers need no token: theirs are for clients that insist on one.
        caller = kind == CallerKind.Anonymous
            ? Caller.AnonymousWithToken
            : new Caller(NumberOf(root, "account"), kind, root.GetProperty("sub").GetString()!, SignInMethod.Token)
            {
                Scopes = scopes,
                SecretId = NumberOf(root, "secret"),
                IsScanner = root.TryGetProperty(ScannerClaim, out var isScanner) && isScanner.GetBoolean(),
                OwnGrants = kind == CallerKind.Workload ? AllOf(scopes) : null,
            };
        return true;
    }

    /// <summary>What a workload may do is known only when it signs in, so its token says all of it.</summary>
    private static List<Grant> AllOf(List<AccessScope> scopes) =>
        [.. scopes.Select(scope => scope.ToGrant("the access token allows it")).OfType<Grant>()];

    private static long? NumberOf(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var number) ? number.GetInt64() : null;

    private sealed record ReadToken(Caller Caller, long ReadAt, TimeSpan Left);
}

/// <summary>A token as its client gets it, and all that it is good for.</summary>
internal sealed record IssuedToken(string Text, IReadOnlyList<AccessScope> Scopes);
