using System.Buffers.Text;
using System.Formats.Cbor;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.Cose;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>Signs as Notary Project does, and as it must not.</summary>
internal sealed record LittleNotation
{
    public const string Scheme = "io.cncf.notary.signingScheme";
    public const string Time = "io.cncf.notary.signingTime";
    public const string AuthenticTime = "io.cncf.notary.authenticSigningTime";
    public const string Expiry = "io.cncf.notary.expiry";
    public const string Timestamp = "io.cncf.notary.timestampSignature";

    public static X509Certificate2 Root { get; } = TestCertificate.Authority("notation root");

    public X509Certificate2 Leaf { get; init; } = Certify();

    /// <summary>What is put into the envelope, leaf first; the leaf and the root by default.</summary>
    public IReadOnlyList<X509Certificate2>? Chain { get; init; }

    public string ContentType { get; init; } = "application/vnd.cncf.notary.payload.v1+json";

    /// <summary>Headers that are signed. Texts, or times.</summary>
    public Dictionary<string, object> Headers { get; init; } = new()
    {
        [Scheme] = "notary.x509",
        [Time] = LittleSigstore.Time,
    };

    public List<string> Critical { get; init; } = [Scheme];

    public JsonObject Target { get; init; } = new()
    {
        ["mediaType"] = LittleBundle.Signed.MediaType,
        ["digest"] = LittleBundle.Signed.Digest.Text,
        ["size"] = LittleBundle.Signed.SizeBytes,
        ["annotations"] = new JsonObject { ["build"] = "42" },
    };

    /// <summary>Makes a timestamp of the signature.</summary>
    public Func<byte[], byte[]>? Stamp { get; init; }

    /// <summary>Another hash than the key's own.</summary>
    public HashAlgorithmName? Hash { get; init; }

    /// <summary>What a JSON envelope says of its algorithm, if that is not what signs.</summary>
    public string? Algorithm { get; init; }

    /// <summary>Another key than the certificate's.</summary>
    public ECDsa? Key { get; init; }

    public static X509Certificate2 Certify(
        X509Certificate2? issuer = null, AsymmetricAlgorithm? key = null, DateTimeOffset? to = null,
        params IReadOnlyList<X509Extension> extensions) => TestCertificate.Issue(
            issuer ?? Root, "CN=release, O=acme, ST=WA, C=US", key ?? ECDsa.Create(ECCurve.NamedCurves.nistP256),
            TestCertificate.From, to ?? TestCertificate.To, extensions.Count > 0 ? extensions
                : [TestCertificate.SignatureUse(), TestCertificate.Usage(TestCertificate.CodeSigning)]);

    public SignatureLayer Layer(bool isCose) => isCose
        ? new("application/cose", new Dictionary<string, string>(), Cose())
        : new("application/jose+json", new Dictionary<string, string>(), KeyTests.Bytes(Jws()));

    public JsonObject Jws()
    {
        var header = new JsonObject
        {
            ["alg"] = Algorithm ?? AlgorithmName,
            ["cty"] = ContentType,
            ["crit"] = new JsonArray([.. Critical.Select(one => (JsonNode)one)]),
        };
        foreach (var (name, value) in Headers)
            header[name] = value is DateTimeOffset time ? TimeText(time) : $"{value}";
        var (protectedHeader, payload) = (Encode(KeyTests.Bytes(header)), Encode(Payload));
        var signature = Sign(Encoding.ASCII.GetBytes($"{protectedHeader}.{payload}"));
        var unsigned = new JsonObject
        {
            ["x5c"] = new JsonArray([.. Certificates.Select(one => (JsonNode)Convert.ToBase64String(one.RawData))]),
        };
        if (Stamp is not null) unsigned[Timestamp] = Convert.ToBase64String(Stamp(signature));
        return new JsonObject
        {
            ["payload"] = payload,
            ["protected"] = protectedHeader,
            ["header"] = unsigned,
            ["signature"] = Encode(signature),
        };
    }

    public byte[] Cose()
    {
        var (signed, unsigned) = (new CoseHeaderMap(), new CoseHeaderMap());
        signed.Add(CoseHeaderLabel.ContentType, ContentType);
        signed.Add(CoseHeaderLabel.CriticalHeaders, CoseHeaderValue.FromEncodedValue(Cbor(writer =>
            Array(writer, Critical, one => writer.WriteTextString(one)))));
        foreach (var (name, value) in Headers)
        {
            signed.Add(new CoseHeaderLabel(name), CoseHeaderValue.FromEncodedValue(Cbor(writer =>
            {
                if (value is DateTimeOffset time) writer.WriteUnixTimeSeconds(time.ToUnixTimeSeconds());
                else writer.WriteTextString($"{value}");
            })));
        }

        unsigned.Add(new CoseHeaderLabel(33), CoseHeaderValue.FromEncodedValue(Cbor(writer =>
            Array(writer, Certificates, one => writer.WriteByteString(one.RawData)))));
        var key = Key ?? TestCertificate.KeyOf(Leaf);
        var signer = key is RSA rsa
            ? new CoseSigner(rsa, RSASignaturePadding.Pss, HashName, signed, unsigned)
            : new CoseSigner(key, HashName, signed, unsigned);
        var message = CoseMessage.DecodeSign1(CoseSign1Message.SignEmbedded(Payload, signer));
        if (Stamp is null) return message.Encode();
        message.UnprotectedHeaders.Add(new CoseHeaderLabel(Timestamp), Stamp(message.Signature.ToArray()));
        return message.Encode();
    }

    private byte[] Payload => KeyTests.Bytes(new JsonObject { ["targetArtifact"] = Target.DeepClone() });

    private IReadOnlyList<X509Certificate2> Certificates => Chain ?? [Leaf, Root];

    private int Bits => Leaf.GetRSAPublicKey()?.KeySize ?? Leaf.GetECDsaPublicKey()!.KeySize;

    private HashAlgorithmName HashName => Hash ?? Bits switch
    {
        256 or 2048 => HashAlgorithmName.SHA256,
        384 or 3072 => HashAlgorithmName.SHA384,
        _ => HashAlgorithmName.SHA512,
    };

    private string AlgorithmName => (Leaf.GetRSAPublicKey() is null ? "ES" : "PS") + HashName.Name![3..];

    private byte[] Sign(byte[] content)
    {
        var key = Key ?? TestCertificate.KeyOf(Leaf);
        return key is RSA rsa
            ? rsa.SignData(content, HashName, RSASignaturePadding.Pss)
            : ((ECDsa)key).SignData(content, HashName);
    }

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private static string TimeText(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static byte[] Cbor(Action<CborWriter> write)
    {
        var writer = new CborWriter();
        write(writer);
        return writer.Encode();
    }

    private static void Array<T>(CborWriter writer, IReadOnlyCollection<T> items, Action<T> write)
    {
        writer.WriteStartArray(items.Count);
        foreach (var item in items) write(item);
        writer.WriteEndArray();
    }
}
