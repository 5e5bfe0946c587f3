using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Berth.Identity;

/// <summary>
/// A JSON Web Token as a client sent it (RFC 7519, in the compact form of RFC 7515, section 7.1). Nothing in it is
/// verified yet.
/// </summary>
internal sealed class SentToken
{
    /// <summary>The most characters; those of known issuers have up to three thousand.</summary>
    public const int MaxChars = 16 * 1024;

    /// <summary>Claims of known issuers are three deep.</summary>
    private const int MaxDepth = 16;

    /// <summary>A chain of three certificates with long RSA keys.</summary>
    private const int MaxHeaderChars = 8192;

    /// <summary>The last second of the year 9999, after which the platform has no time.</summary>
    private const double LastSecond = 253_402_300_799;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>
    /// Two programs that read the same name twice may take different values, so a name may be there only once.
    /// </summary>
    private static readonly JsonDocumentOptions Strict =
        new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    private SentToken(string text, string algorithm, string? keyId, JsonElement header, JsonElement claims)
    {
        (Text, Algorithm, KeyId, Header, Claims) = (text, algorithm, keyId, header, claims);
        Issuer = TextOf("iss") ?? "";
        Subject = TextOf("sub") ?? "";
    }

    public string Text { get; }

    /// <summary>The header's <c>alg</c>.</summary>
    public string Algorithm { get; }

    /// <summary>The header's <c>kid</c>, any text; null if it has none.</summary>
    public string? KeyId { get; }

    /// <summary>All of it, for those who look at a key or certificates that the token brings along.</summary>
    public JsonElement Header { get; }

    public JsonElement Claims { get; }

    /// <summary>Empty if it names none.</summary>
    public string Issuer { get; }

    /// <summary>Empty if it names none.</summary>
    public string Subject { get; }

    public DateTimeOffset? IssuedAt => TimeOf("iat");

    public DateTimeOffset? NotBefore => TimeOf("nbf");

    public DateTimeOffset? Expires => TimeOf("exp");

    /// <summary>Whether a password could be a token; takes little time, and no more for long passwords.</summary>
    public static bool IsLikely(ReadOnlySpan<char> password)
    {
        // The header is a JSON object, which in base64url begins with "e".
        if (password.Length is < 20 or > MaxChars || password[0] != 'e' || password.Count('.') != 2) return false;
        var end = password.IndexOf('.');
        if (end > MaxHeaderChars || !TryDecode(password[..end], out var header)) return false;
        foreach (var part in password.Split('.'))
        {
            if (password[part].ContainsAnyExcept(Allowed)) return false;
        }

        var json = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("alg"u8)) return true;
            }
        }
        catch (JsonException)
        {
            // Not a header, so not a token.
        }

        return false;
    }

    /// <summary>False if it is no token, or one of a kind that is not accepted.</summary>
    /// <param name="text">What the client sent.</param>
    /// <param name="token">What was read.</param>
    /// <param name="reason">Why not, for the client.</param>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out SentToken? token, [NotNullWhen(false)] out string? reason)
    {
        (token, reason) = (null, "this is no JSON Web Token");
        if (text.Length > MaxChars)
        {
            reason = "the token is too long";
            return false;
        }

        if (text.Split('.') is not [var first, var second, { Length: > 0 } third]
            || third.AsSpan().ContainsAnyExcept(Allowed)
            || first.Length > MaxHeaderChars
            || !TryReadObject(first, out var header) || !TryReadObject(second, out var claims))
        {
            return false;
        }

        if (!TryReadHeader(header, out var algorithm, out var keyId))
        {
            reason = "the token is of a kind that is not accepted";
            return false;
        }

        var read = new SentToken(text, algorithm, keyId, header, claims);
        if (!read.HasOnlyTimes("iat", "nbf", "exp")) return false;
        (token, reason) = (read, null);
        return true;
    }

    /// <summary>Whether it was issued for any of these.</summary>
    public bool IsFor(IReadOnlyList<string> audiences)
    {
        if (!Claims.TryGetProperty("aud", out var audience)) return false;
        if (audience.ValueKind != JsonValueKind.Array) return IsOne(audience);
        foreach (var each in audience.EnumerateArray())
        {
            if (IsOne(each)) return true;
        }

        return false;

        bool IsOne(JsonElement one) => one.ValueKind == JsonValueKind.String
            && audiences.Contains(one.GetString(), StringComparer.Ordinal);
    }

    /// <summary>
    /// The names of the header that change how the rest is to be read (RFC 7515, section 4.1.11; RFC 7797) are refused.
    /// Those that say where a key is (<c>jku</c>, <c>x5u</c>) are never looked at.
    /// </summary>
    private static bool TryReadHeader(JsonElement header, out string algorithm, out string? keyId)
    {
        (algorithm, keyId) = ("", null);
        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("b64", out _)
            || header.TryGetProperty("zip", out _) || header.TryGetProperty("enc", out _))
        {
            return false;
        }

        if (!header.TryGetProperty("alg", out var alg) || alg.ValueKind != JsonValueKind.String) return false;
        if (header.TryGetProperty("kid", out var kid))
        {
            if (kid.ValueKind != JsonValueKind.String) return false;
            keyId = kid.GetString();
        }

        algorithm = alg.GetString()!;
        return !header.TryGetProperty("typ", out var type)
            || (type.ValueKind == JsonValueKind.String && IsAccepted(type.GetString()!));
    }

    /// <summary>
    /// An issuer may sign other things with the same keys, such as logout tokens, which say so (RFC 8725, section
    /// 3.11).
    /// </summary>
    private static bool IsAccepted(string type) => type.ToUpperInvariant() is "JWT" or "AT+JWT" or "APPLICATION/AT+JWT";

    private static bool TryReadObject(ReadOnlySpan<char> part, out JsonElement json)
    {
        json = default;
        if (!TryDecode(part, out var bytes)) return false;
        try
        {
            json = JsonElement.Parse(bytes, Strict);
            return json.ValueKind == JsonValueKind.Object && IsText(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Reads every text once: those that are no Unicode are only found out by that.</summary>
    /// <exception cref="InvalidOperationException">One is not.</exception>
    private static bool IsText(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in json.EnumerateObject())
                {
                    if (property.Name.Contains('\0') || !IsText(property.Value)) return false;
                }

                return true;
            case JsonValueKind.Array:
                foreach (var item in json.EnumerateArray())
                {
                    if (!IsText(item)) return false;
                }

                return true;
            case JsonValueKind.String:
                return !json.GetString()!.Contains('\0');
            default:
                return true;
        }
    }

    /// <summary>The platform's decoder allows padding and spaces; a token has neither.</summary>
    private static bool TryDecode(ReadOnlySpan<char> part, out byte[] bytes)
    {
        bytes = [];
        if (part.IsEmpty || part.ContainsAnyExcept(Allowed) || !Base64Url.IsValid(part)) return false;
        bytes = Base64Url.DecodeFromChars(part);
        return true;
    }

    /// <summary>Whether each of these is a time or absent: one that can't be read must not count as absent.</summary>
    private bool HasOnlyTimes(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Claims.TryGetProperty(name, out _) && TimeOf(name) is null) return false;
        }

        return true;
    }

    private string? TextOf(string name) =>
        Claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    private DateTimeOffset? TimeOf(string name) =>
        Claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out var seconds) && seconds is >= 0 and <= LastSecond
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : null;
}
