using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Berth.Access;
using Berth.Settings;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Identity;

/// <summary>The keys that may have signed a token.</summary>
/// <param name="Keys">None if the token names a key that is not trusted.</param>
/// <param name="Until">Until when they are trusted, if they came with the token.</param>
internal readonly record struct SigningKeys(List<JsonWebKey> Keys, DateTimeOffset Until);

/// <summary>
/// The keys of the token server that the settings trust, at one time: from a JSON Web Key Set, from certificates, or
/// from certificates that tokens bring along and that lead to one of these (distribution, "Token Authentication
/// Implementation").
/// </summary>
internal sealed class TrustedKeys
{
    /// <summary>Twice the certificates that operating systems trust.</summary>
    private const int MaxFileBytes = 1 << 20;

    /// <summary>The most certificates that a token may bring along; public CAs have two or three.</summary>
    private const int MaxChain = 6;

    private const string BundleKey = "auth.token.rootcertbundle";
    private const string JwksKey = "auth.token.jwks";

    private readonly byte[] bundle;
    private readonly byte[] jwks;
    private readonly X509Certificate2Collection roots = [];
    private readonly List<IssuerKey> keys = [];

    private TrustedKeys(byte[] bundle, byte[] jwks) => (this.bundle, this.jwks) = (bundle, jwks);

    public int Count => keys.Count;

    /// <summary>Reads the files, at the start.</summary>
    /// <exception cref="StartException">One can't be read or used.</exception>
    public static TrustedKeys Read(TokenIssuerSettings settings)
    {
        return Of(settings, Read(BundleKey, settings.RootCertBundle), Read(JwksKey, settings.Jwks));

        static byte[] Read(string key, string? path)
        {
            if (path is null) return [];
            try
            {
                using var file = File.OpenRead(path);
                var bytes = BufferFor(file);
                return Whole(key, path, bytes, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Unreadable(key, e);
            }
        }
    }

    /// <summary>Reads the files again; the same object if nothing changed.</summary>
    /// <exception cref="StartException">One can't be read or used.</exception>
    public static async Task<TrustedKeys> ReadAgainAsync(
        TokenIssuerSettings settings, TrustedKeys last, CancellationToken cancellation)
    {
        var bundle = await ReadAsync(BundleKey, settings.RootCertBundle);
        var jwks = await ReadAsync(JwksKey, settings.Jwks);
        return last.bundle.AsSpan().SequenceEqual(bundle) && last.jwks.AsSpan().SequenceEqual(jwks)
            ? last : Of(settings, bundle, jwks);

        async Task<byte[]> ReadAsync(string key, string? path)
        {
            if (path is null) return [];
            try
            {
                await using var file = new FileStream(
                    path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
                var bytes = BufferFor(file);
                return Whole(
                    key, path, bytes,
                    await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Unreadable(key, e);
            }
        }
    }

    /// <summary>
    /// The keys that may have made a token's signature, in distribution's order: of a chain of certificates in its
    /// header, of a key in its header, of a key that it names.
    /// </summary>
    /// <param name="token">Not verified yet.</param>
    /// <param name="now">The time at which certificates must be valid.</param>
    public SigningKeys For(SentToken token, DateTimeOffset now)
    {
        if (roots.Count > 0 && token.Header.TryGetProperty("x5c", out var chain))
        {
            return KeyOf(chain, now, out var until) is { } own && own.Fits(token.Algorithm)
                ? new SigningKeys([own.ToWebKey()], until)
                : new SigningKeys([], now);
        }

        var brought = token.Header.TryGetProperty("jwk", out var json) ? KeyOf(json) : null;
        if (brought is null && json.ValueKind != JsonValueKind.Undefined) return new SigningKeys([], now);
        var found = keys.Where(key => key.Fits(token.Algorithm) && (brought is not null
            ? key.IsSameAs(brought)
            : token.KeyId is null || key.Id == token.KeyId));
        return new SigningKeys([.. found.Select(key => key.ToWebKey())], DateTimeOffset.MaxValue);
    }

    private static TrustedKeys Of(TokenIssuerSettings settings, byte[] bundle, byte[] jwks)
    {
        var read = new TrustedKeys(bundle, jwks);
        if (settings.RootCertBundle is { } certificates) read.AddCertificates(certificates);
        if (settings.Jwks is { } set) read.AddKeySet(set);
        return read;
    }

    /// <summary>One byte more than the file has: if that is read too, it is growing.</summary>
    private static byte[] BufferFor(FileStream file) => new byte[Math.Min(file.Length, MaxFileBytes) + 1];

    private static byte[] Whole(string key, string path, byte[] bytes, int length) => length <= MaxFileBytes
        ? bytes[..length]
        : throw new StartException($"{key}: {path} is larger than {MaxFileBytes} bytes");

    private static StartException Unreadable(string key, Exception e) =>
        new($"{key}: the file can't be read: {e.Message}", e);

    /// <summary>One certificate that can't be used refuses the file: its keys would be missed only by some tokens.
    /// </summary>
    private void AddCertificates(string path)
    {
        try
        {
            roots.ImportFromPem(Encoding.UTF8.GetString(bundle));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new StartException($"{BundleKey}: {path} can't be read: {e.Message}", e);
        }

        if (roots.Count == 0) throw new StartException($"{BundleKey}: {path} holds no certificate in PEM format");
        foreach (var certificate in roots)
        {
            try
            {
                AddKeyOf(certificate);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                throw new StartException(
                    $"{BundleKey}: {path} has a certificate whose key can't be read, of {certificate.Subject}: "
                    + e.Message, e);
            }
        }
    }

    /// <summary>Tokens name a key by either of two digests of it, distribution 2's or that of RFC 7638.</summary>
    private void AddKeyOf(X509Certificate2 certificate)
    {
        if (WebKeyOf(certificate) is not { } key) return;
        Add(key, DockerKeyId.Of(certificate.PublicKey.ExportSubjectPublicKeyInfo()));
        Add(key, Base64UrlEncoder.Encode(key.ComputeJwkThumbprint()));
    }

    private void AddKeySet(string path)
    {
        var added = keys.Count;
        try
        {
            foreach (var key in JsonWebKeySet.Create(Encoding.UTF8.GetString(jwks)).Keys) Add(key, key.Kid);
        }
        catch (Exception e)
        {
            throw new StartException($"{JwksKey}: {path} is no JSON Web Key Set: {e.Message}", e);
        }

        if (keys.Count == added)
            throw new StartException($"{JwksKey}: {path} has no key of RSA, from 2048 bits, or of ECDSA");
    }

    private void Add(JsonWebKey key, string? id)
    {
        if (IssuerKey.From(key) is { } sound) keys.Add(sound with { Id = id });
    }

    /// <summary>The key of the first certificate, if the others lead from it to one that is trusted.</summary>
    private IssuerKey? KeyOf(JsonElement x5c, DateTimeOffset now, out DateTimeOffset until)
    {
        until = now;
        using var chain = new X509Chain();
        if (x5c.ValueKind != JsonValueKind.Array || x5c.GetArrayLength() is < 1 or > MaxChain) return null;
        var sent = new X509Certificate2Collection();
        try
        {
            foreach (var item in x5c.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.String) return null;
                sent.Add(X509CertificateLoader.LoadCertificate(Convert.FromBase64String(item.GetString()!)));
            }

            if (!IsTrusted(chain, sent, now, out until)) return null;
            return WebKeyOf(sent[0]) is { } key ? IssuerKey.From(key) : null;
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            return null;
        }
        finally
        {
            foreach (var certificate in sent) certificate.Dispose();
        }
    }

    /// <summary>
    /// A trusted certificate need not be the end of a chain: trusting one of an intermediate CA means no other of the
    /// same root. The platform only allows it by an option that trusts anything, so what it found is looked at here.
    /// </summary>
    private bool IsTrusted(
        X509Chain chain, X509Certificate2Collection sent, DateTimeOffset now, out DateTimeOffset until)
    {
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(roots);
        policy.ExtraStore.AddRange(sent);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        policy.VerificationTime = now.UtcDateTime;
        policy.VerificationTimeIgnored = false;
        until = now;
        if (!chain.Build(sent[0])) return false;
        until = chain.ChainElements.Min(element => new DateTimeOffset(element.Certificate.NotAfter.ToUniversalTime()));
        return chain.ChainElements.Any(element => roots.Any(
            root => root.RawDataMemory.Span.SequenceEqual(element.Certificate.RawDataMemory.Span)));
    }

    private static IssuerKey? KeyOf(JsonElement jwk)
    {
        try
        {
            return jwk.ValueKind == JsonValueKind.Object ? IssuerKey.From(new JsonWebKey(jwk.GetRawText())) : null;
        }
        catch (Exception e) when (e is ArgumentException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Null if its key is of a kind that is not used here.</summary>
    private static JsonWebKey? WebKeyOf(X509Certificate2 certificate)
    {
        if (certificate.GetRSAPublicKey() is { } rsa)
        {
            using (rsa)
            {
                var values = rsa.ExportParameters(includePrivateParameters: false);
                return new JsonWebKey
                {
                    Kty = "RSA",
                    N = Base64UrlEncoder.Encode(values.Modulus),
                    E = Base64UrlEncoder.Encode(values.Exponent),
                };
            }
        }

        using var ec = certificate.GetECDsaPublicKey();
        if (ec is null || CurveOf(ec) is not { } curve) return null;
        var point = ec.ExportParameters(includePrivateParameters: false).Q;
        return new JsonWebKey
        {
            Kty = "EC",
            Crv = curve,
            X = Base64UrlEncoder.Encode(point.X),
            Y = Base64UrlEncoder.Encode(point.Y),
        };
    }

    private static string? CurveOf(ECDsa key) =>
        key.ExportParameters(includePrivateParameters: false).Curve.Oid?.Value switch
        {
            "1.2.840.10045.3.1.7" => "P-256",
            "1.3.132.0.34" => "P-384",
            "1.3.132.0.35" => "P-521",
            _ => null,
        };
}
