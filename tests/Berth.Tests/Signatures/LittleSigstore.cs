using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Berth.Tests.Signatures;

/// <summary>What a certificate of the little Fulcio says.</summary>
internal sealed record LittleIdentity
{
    public const string Workflow = "https://forge.example/acme/app/.github/workflows/release.yml@refs/heads/main";
    public const string TokenIssuer = "https://token.forge.example";

    private const string IssuerExtension = "1.3.6.1.4.1.57264.1.8";

    public X509Extension? Names { get; init; } = TestCertificate.Names(new Uri(Workflow));

    public X509Extension? Issuer { get; init; } = TestCertificate.Text(IssuerExtension, TokenIssuer);

    public string Usage { get; init; } = TestCertificate.CodeSigning;

    public bool IsAuthority { get; init; }

    public ECCurve Curve { get; init; } = ECCurve.NamedCurves.nistP256;

    public HashAlgorithmName Hash { get; init; } = HashAlgorithmName.SHA384;

    /// <summary>When the log of certificates promised to include it; null if it did not.</summary>
    public DateTimeOffset? LoggedAt { get; init; } = LittleSigstore.Time;

    /// <summary>Which log did.</summary>
    public LittleLog? Log { get; init; }

    /// <summary>What stands in the place of the list of promises.</summary>
    public byte[]? Promises { get; init; }

    /// <summary>Whether the log signed another certificate.</summary>
    public bool IsPromiseForOther { get; init; }
}

/// <summary>
/// All of Sigstore, of the tests' own: Fulcio, its log of certificates, Rekor 1 and 2, and a timestamp authority.
/// </summary>
internal sealed class LittleSigstore
{
    private const string PromiseExtension = "1.3.6.1.4.1.11129.2.4.2";

    public static DateTimeOffset Time { get; } = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    public X509Certificate2 Root { get; } = TestCertificate.Authority("little root");

    public X509Certificate2 Issuer { get; }

    public LittleLog CertificateLog { get; } = new("ct.example");

    public LittleLog Log { get; } = new("rekor.example");

    public LittleLog Log2 { get; } = new("log2.rekor.example", isSecond: true);

    public LittleTimestamps Timestamps { get; } = new("little tsa");

    public LittleSigstore()
    {
        Issuer = TestCertificate.Authority("little issuer", Root);
    }

    /// <summary>A trusted root, for tests to change.</summary>
    public JsonObject TrustRoot() => new()
    {
        ["mediaType"] = "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        ["tlogs"] = new JsonArray(Log.Trusted(), Log2.Trusted()),
        ["certificateAuthorities"] = new JsonArray(TrustedAuthority(Issuer, Root)),
        ["ctlogs"] = new JsonArray(CertificateLog.Trusted()),
        ["timestampAuthorities"] = new JsonArray(Timestamps.Trusted()),
    };

    public static JsonObject TrustedAuthority(params IEnumerable<X509Certificate2> chain) => new()
    {
        ["uri"] = "https://authority.example",
        ["certChain"] = new JsonObject
        {
            ["certificates"] = new JsonArray([.. chain.Select(one => (JsonNode)new JsonObject
            {
                ["rawBytes"] = Convert.ToBase64String(one.RawData),
            })]),
        },
        ["validFor"] = new JsonObject { ["start"] = "2025-01-01T00:00:00Z" },
    };

    /// <summary>A certificate for ten minutes, with its private key.</summary>
    public X509Certificate2 Certify(LittleIdentity identity)
    {
        var (key, serial) = (ECDsa.Create(identity.Curve), RandomNumberGenerator.GetBytes(16));
        List<X509Extension> extensions = [TestCertificate.SignatureUse(), TestCertificate.Usage(identity.Usage)];
        if (identity.IsAuthority) extensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        if (identity.Names is { } names) extensions.Add(names);
        if (identity.Issuer is { } issuer) extensions.Add(issuer);
        if (identity.Promises is { } promises)
        {
            extensions.Add(new X509Extension(PromiseExtension, promises, false));
        }
        else if (identity.LoggedAt is { } time)
        {
            using var draft = Issue(identity.IsPromiseForOther ? [] : extensions);
            extensions.Add(new X509Extension(
                PromiseExtension, PromiseFor(draft, identity.Log ?? CertificateLog, time), false));
        }

        return Issue(extensions);

        X509Certificate2 Issue(List<X509Extension> all) => TestCertificate.Issue(
            Issuer, "", key, Time, Time.AddMinutes(10), identity.Hash, [.. serial], all);
    }

    /// <summary>The list of promises, with one of a log that nobody knows before it (RFC 6962, section 3.3).</summary>
    private byte[] PromiseFor(X509Certificate2 draft, LittleLog log, DateTimeOffset time)
    {
        var tbs = new AsnReader(draft.RawData, AsnEncodingRules.DER).ReadSequence().ReadEncodedValue().ToArray();
        var ms = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(ms, time.ToUnixTimeMilliseconds());
        byte[] length = [(byte)(tbs.Length >> 16), (byte)(tbs.Length >> 8), (byte)tbs.Length];
        byte[] extensions = [0, 2, 5, 6];
        var signature = log.Sign(
        [
            0, 0, .. ms, 0, 1, .. SHA256.HashData(Issuer.PublicKey.ExportSubjectPublicKeyInfo()),
            .. length, .. tbs, .. extensions,
        ]);
        byte[] promise = [0, .. log.Id, .. ms, .. extensions, 4, 3, .. Vector(signature)];
        byte[] unknown = [0, .. new byte[32], .. ms, 0, 0, 4, 3, .. Vector([1])];
        var writer = new AsnWriter(AsnEncodingRules.DER);
        writer.WriteOctetString(Vector([.. Vector(unknown), .. Vector(promise)]));
        return writer.Encode();
    }

    private static byte[] Vector(byte[] content) => [(byte)(content.Length >> 8), (byte)content.Length, .. content];
}
