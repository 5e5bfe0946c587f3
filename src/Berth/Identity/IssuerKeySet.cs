using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Identity;

/// <summary>A public key of an issuer that can verify signatures.</summary>
/// <param name="Id">Its <c>kid</c>, any text, or null.</param>
/// <param name="Algorithm">The only algorithm that it is for; null if it is for all of its kind.</param>
/// <param name="Kind"><c>RSA</c>, or the name of the curve.</param>
/// <param name="First">The modulus, or the x of the point, in base64url.</param>
/// <param name="Second">The exponent, or the y of the point, in base64url.</param>
internal sealed record IssuerKey(string? Id, string? Algorithm, string Kind, string First, string Second)
{
    public const string Rsa = "RSA";

    /// <summary>Shorter keys are broken, and longer ones are only slow.</summary>
    private const int MinRsaBits = 2048;

    private const int MaxRsaBits = 8192;

    private bool IsRsa => Kind == Rsa;

    /// <summary>Null if it can't be used: a secret, a key for encryption, of an unknown kind or a broken one.</summary>
    public static IssuerKey? From(JsonWebKey key)
    {
        if (key.Use is not (null or "" or "sig")) return null;
        if (key.KeyOps.Count > 0 && !key.KeyOps.Contains("verify")) return null;
        var found = key.Kty switch
        {
            "RSA" => new IssuerKey(key.Kid, key.Alg, Rsa, key.N, key.E),
            "EC" when key.Crv is "P-256" or "P-384" or "P-521" =>
                new IssuerKey(key.Kid, key.Alg, key.Crv, key.X, key.Y),
            _ => null,
        };
        return found?.IsSound() == true ? found : null;
    }

    /// <summary>Whether it may verify signatures of this algorithm (RFC 7518, section 3.1).</summary>
    public bool Fits(string algorithm) =>
        (string.IsNullOrEmpty(Algorithm) || Algorithm == algorithm) && Kind == KindFor(algorithm);

    /// <summary>Whether it is the same key, whatever its name.</summary>
    public bool IsSameAs(IssuerKey other) => Kind == other.Kind && First == other.First && Second == other.Second;

    /// <summary>For the library, which makes its own objects of it for each signature.</summary>
    public JsonWebKey ToWebKey() => IsRsa
        ? new JsonWebKey { KeyId = Id, Kty = "RSA", N = First, E = Second }
        : new JsonWebKey { KeyId = Id, Kty = "EC", Crv = Kind, X = First, Y = Second };

    /// <summary>Makes the key once, so that a broken one is found when it is read.</summary>
    private bool IsSound()
    {
        try
        {
            var (first, second) = (Base64Url.DecodeFromChars(First), Base64Url.DecodeFromChars(Second));
            if (!IsRsa)
            {
                var point = new ECPoint { X = first, Y = second };
                ECDsa.Create(new ECParameters { Curve = CurveOf(Kind), Q = point }).Dispose();
                return true;
            }

            using var rsa = RSA.Create(new RSAParameters { Modulus = first, Exponent = second });
            return rsa.KeySize is >= MinRsaBits and <= MaxRsaBits && second.Length <= sizeof(long);
        }
        catch (Exception e) when (e is CryptographicException or FormatException or ArgumentException)
        {
            return false;
        }
    }

    private static string? KindFor(string algorithm) => algorithm switch
    {
        "RS256" or "RS384" or "RS512" or "PS256" or "PS384" or "PS512" => Rsa,
        "ES256" => "P-256",
        "ES384" => "P-384",
        "ES512" => "P-521",
        _ => null,
    };

    private static ECCurve CurveOf(string name) => name switch
    {
        "P-256" => ECCurve.NamedCurves.nistP256,
        "P-384" => ECCurve.NamedCurves.nistP384,
        _ => ECCurve.NamedCurves.nistP521,
    };
}

/// <summary>The keys of an issuer at one time.</summary>
internal sealed class IssuerKeySet
{
    /// <summary>Issuers have a handful. A token that names no key is tried with all of them.</summary>
    private const int MaxKeys = 100;

    private readonly List<IssuerKey> keys;

    private IssuerKeySet(List<IssuerKey> keys) => this.keys = keys;

    /// <exception cref="InvalidDataException">There is no key in it that can be used.</exception>
    public static IssuerKeySet From(JsonWebKeySet? set)
    {
        var keys = (set?.Keys ?? []).Take(MaxKeys).Select(IssuerKey.From).OfType<IssuerKey>().ToList();
        return keys.Count > 0
            ? new IssuerKeySet(keys)
            : throw new InvalidDataException("there is no key of RSA, from 2048 bits, or of ECDSA in it");
    }

    public bool IsSameAs(IssuerKeySet other) => keys.SequenceEqual(other.keys);

    /// <summary>Whether a key has this name; true without a name if there are keys without.</summary>
    public bool Knows(string? id) => id is null || keys.Exists(key => key.Id == id);

    /// <summary>The keys that may have made such a signature.</summary>
    /// <param name="id">The token's <c>kid</c>; null: any of them.</param>
    /// <param name="algorithm">The token's <c>alg</c>.</param>
    public List<JsonWebKey> For(string? id, string algorithm) =>
        [.. keys.Where(key => (id is null || key.Id == id) && key.Fits(algorithm)).Select(key => key.ToWebKey())];
}
