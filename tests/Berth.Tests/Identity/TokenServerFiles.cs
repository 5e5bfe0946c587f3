using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Berth.Settings;

namespace Berth.Tests.Identity;

/// <summary>
/// A token server as a registry that trusts it knows it: files of keys and certificates, and the tokens it signs.
/// </summary>
internal sealed class TokenServerFiles : IDisposable
{
    public const string Realm = "https://auth.example.com/token";
    public const string Issuer = "auth.example.com";
    public const string Service = "registry.example.com";

    private readonly string folder = Directory.CreateTempSubdirectory("berth-token-server-").FullName;

    public TokenServerFiles()
    {
        Root = Certificate("root", Curve(), issuer: null);
        Intermediate = Certificate("intermediate", Curve(), Root);
        WriteBundle(Root);
        WriteKeys(TestKey.First.ToJson());
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Intermediate { get; }

    public string Bundle => Path.Combine(folder, "bundle.pem");

    public string Jwks => Path.Combine(folder, "jwks.json");

    public TokenIssuerSettings Settings => new()
    {
        Realm = Realm,
        Service = Service,
        Issuer = Issuer,
        RootCertBundle = Bundle,
        Jwks = Jwks,
    };

    public void WriteBundle(params IEnumerable<X509Certificate2> certificates) =>
        File.WriteAllText(Bundle, string.Concat(certificates.Select(c => c.ExportCertificatePem() + "\n")));

    public void WriteKeys(params IEnumerable<JsonObject> keys) => File.WriteAllText(Jwks, TestIssuer.KeySet(keys));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static ECDsa Curve() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <param name="name">Its subject.</param>
    /// <param name="key">Its key.</param>
    /// <param name="issuer">Who signs it; null: itself.</param>
    /// <param name="isCa">Whether it may sign others.</param>
    /// <param name="hours">How many from now on it is valid; negative for one that is over.</param>
    public static X509Certificate2 Certificate(
        string name, AsymmetricAlgorithm key, X509Certificate2? issuer, bool isCa = true, double hours = 1)
    {
        var request = key is RSA rsa
            ? new CertificateRequest($"CN={name}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", (ECDsa)key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isCa, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        var (begin, end) = (now.AddHours(-2), now.AddHours(hours));
        if (issuer is null) return request.CreateSelfSigned(begin, end);
        using var signer = issuer.GetECDsaPrivateKey()!;
        using var made = request.Create(
            issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(signer), begin, end,
            RandomNumberGenerator.GetBytes(8));
        return key is RSA pair ? made.CopyWithPrivateKey(pair) : made.CopyWithPrivateKey((ECDsa)key);
    }

    /// <summary>Claims of a token for five minutes.</summary>
    /// <param name="access">Scopes: <c>repository:a:pull,push</c>.</param>
    /// <param name="more">Claims in place of the usual ones; null leaves one out.</param>
    public static JsonObject Claims(string access, params (string Name, JsonNode? Value)[] more)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var scopes = access.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(scope => scope.Split(':'));
        var claims = new JsonObject
        {
            ["iss"] = Issuer,
            ["sub"] = "ann",
            ["aud"] = Service,
            ["nbf"] = now,
            ["iat"] = now,
            ["exp"] = now + 300,
            ["access"] = new JsonArray([.. scopes.Select(scope => new JsonObject
            {
                ["type"] = scope[0],
                ["name"] = scope[1],
                ["actions"] = new JsonArray([.. scope[2].Split(',').Select(action => JsonValue.Create(action))]),
            })]),
        };
        foreach (var (name, value) in more)
        {
            if (value is null) claims.Remove(name);
            else claims[name] = value;
        }

        return claims;
    }

    /// <summary>A token by the key in the key set.</summary>
    public static string Token(string access, params (string Name, JsonNode? Value)[] more) =>
        TestIssuer.Token(Claims(access, more));

    /// <summary>A token that brings its certificates along.</summary>
    /// <param name="key">Signs it.</param>
    /// <param name="access">Scopes.</param>
    /// <param name="chain">The certificates, the key's first.</param>
    public static string TokenWith(ECDsa key, string access, params IEnumerable<X509Certificate2> chain)
    {
        var header = new JsonObject
        {
            ["alg"] = "ES256",
            ["x5c"] = new JsonArray(
                [.. chain.Select(one => JsonValue.Create(Convert.ToBase64String(one.RawData)))]),
        };
        return TokenOf(header, key, access);
    }

    /// <summary>A token of any header.</summary>
    public static string TokenOf(JsonObject header, ECDsa key, string access) => TestIssuer.Token(
        header.ToJsonString(), Claims(access).ToJsonString(), data => key.SignData(data, HashAlgorithmName.SHA256));
}
