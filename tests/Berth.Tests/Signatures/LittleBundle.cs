using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>How something is signed and logged.</summary>
public enum LittleKind
{
    /// <summary>The image itself, in Rekor 1.</summary>
    Message,

    /// <summary>A statement, in Rekor 1 as an envelope.</summary>
    Envelope,

    /// <summary>A statement, in Rekor 1 as a statement.</summary>
    Statement,

    /// <summary>The image itself, in Rekor 2.</summary>
    Message2,

    /// <summary>A statement, in Rekor 2.</summary>
    Envelope2,
}

/// <summary>A valid bundle, with all that is needed to verify it, for tests to break one part of.</summary>
internal sealed class LittleBundle
{
    public const string StatementType = "application/vnd.in-toto+json";
    public const string PredicateType = "https://slsa.dev/provenance/v1";

    private readonly LittleSigstore _sigstore;
    private readonly LittleKind _kind;

    public LittleBundle(LittleSigstore sigstore, LittleKind kind, LittleIdentity? identity = null)
    {
        (_sigstore, _kind, Root) = (sigstore, kind, sigstore.TrustRoot());
        Signer = sigstore.Certify(identity ?? new LittleIdentity());
        Trust = new Trust { Identities = [KeylessIdentity.Parse(LittleIdentity.TokenIssuer, LittleIdentity.Workflow)] };
        Bundle = SignAndLog();
        if (IsSecond) Stamp();
    }

    /// <summary>What is signed. Whoever asks for another is refused.</summary>
    public static byte[] Content { get; } = Encoding.UTF8.GetBytes("an image");

    public static SignedImage Signed { get; } = new(
        Digest.Of(DigestAlgorithm.Sha256, Content), MediaTypes.OciManifest, Content.Length, "registry.example/app");

    public X509Certificate2 Signer { get; }

    /// <summary>As it is pushed.</summary>
    public JsonObject Bundle { get; }

    public JsonObject Root { get; }

    public SignedImage Image { get; set; } = Signed;

    public Trust Trust { get; set; }

    public JsonNode Material => Bundle["verificationMaterial"]!;

    public JsonNode Entry => Material["tlogEntries"]![0]!;

    private bool IsSecond => _kind is LittleKind.Message2 or LittleKind.Envelope2;

    private bool IsMessage => _kind is LittleKind.Message or LittleKind.Message2;

    private LittleLog Log => IsSecond ? _sigstore.Log2 : _sigstore.Log;

    public SignatureVerdict Verify()
    {
        var root = TrustRoot.Parse(Encoding.UTF8.GetBytes(Root.ToJsonString()));
        return SignatureVerification.Verify(
            Image, KeyTests.BundleLayer(KeyTests.Bytes(Bundle)), Trust with { Roots = [root] }, LittleSigstore.Time);
    }

    /// <summary>The bytes of the signature.</summary>
    public byte[] Signature
    {
        get => Convert.FromBase64String((string)(Bundle["messageSignature"]?["signature"]
            ?? Bundle["dsseEnvelope"]!["signatures"]![0]!["sig"])!);
        set
        {
            if (Bundle["messageSignature"] is { } message) message["signature"] = Convert.ToBase64String(value);
            else Bundle["dsseEnvelope"]!["signatures"]![0]!["sig"] = Convert.ToBase64String(value);
        }
    }

    /// <summary>Changes what was logged, and logs that: the log itself is right.</summary>
    public void Relog(Action<JsonNode> change, string? time = null)
    {
        var body = JsonNode.Parse(Convert.FromBase64String((string)Entry["canonicalizedBody"]!))!;
        change(body["spec"]!);
        Material["tlogEntries"]![0] = Log.Log(
            body, time is null ? LittleSigstore.Time : DateTimeOffset.Parse(time, null));
    }

    /// <summary>Puts in a timestamp for the signature as it is.</summary>
    public void Stamp(
        DateTimeOffset? time = null, LittleTimestamps? authority = null, X509Certificate2? by = null,
        byte[]? content = null, bool isOld = false)
    {
        var response = (authority ?? _sigstore.Timestamps).Respond(
            content ?? Signature, time ?? LittleSigstore.Time, by, isOld);
        Material["timestampVerificationData"] = new JsonObject
        {
            ["rfc3161Timestamps"] = new JsonArray(
                new JsonObject { ["signedTimestamp"] = Convert.ToBase64String(response) }),
        };
    }

    private JsonObject SignAndLog()
    {
        var statement = Encoding.UTF8.GetBytes(StatementFor(Signed.Digest).ToJsonString());
        byte[] signed = IsMessage ? Content : Encode(statement);
        var signature = SignWith(Signer, signed);
        var bundle = new JsonObject
        {
            ["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json",
            ["verificationMaterial"] = new JsonObject
            {
                ["certificate"] = new JsonObject { ["rawBytes"] = Convert.ToBase64String(Signer.RawData) },
                ["tlogEntries"] = new JsonArray(Log.Log(BodyOf(statement, signed, signature), LittleSigstore.Time)),
            },
        };
        bundle[IsMessage ? "messageSignature" : "dsseEnvelope"] = IsMessage
            ? new JsonObject
            {
                ["messageDigest"] = new JsonObject
                {
                    ["algorithm"] = "SHA2_256",
                    ["digest"] = Convert.ToBase64String(SHA256.HashData(signed)),
                },
                ["signature"] = Convert.ToBase64String(signature),
            }
            : EnvelopeOf(statement, signature);
        return bundle;
    }

    public static byte[] SignWith(X509Certificate2 signer, byte[] content)
    {
        using var key = signer.GetECDsaPrivateKey()!;
        return key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    /// <summary>The pre-authentication encoding of DSSE.</summary>
    public static byte[] Encode(byte[] statement) =>
        [.. Encoding.UTF8.GetBytes($"DSSEv1 {StatementType.Length} {StatementType} {statement.Length} "), .. statement];

    public static JsonObject EnvelopeOf(byte[] statement, byte[] signature) => new()
    {
        ["payload"] = Convert.ToBase64String(statement),
        ["payloadType"] = StatementType,
        ["signatures"] = new JsonArray(new JsonObject { ["sig"] = Convert.ToBase64String(signature) }),
    };

    private JsonObject BodyOf(byte[] statement, byte[] signed, byte[] signature) => _kind switch
    {
        LittleKind.Message => LittleBody.HashedRekord(signed, signature, Signer.ExportCertificatePem()),
        LittleKind.Envelope => LittleBody.Envelope(statement, signature, Signer.ExportCertificatePem()),
        LittleKind.Statement => LittleBody.Statement(statement, signature, Signer.ExportCertificatePem()),
        _ => LittleBody.HashedRekord2(signed, signature, Signer.RawData),
    };

    public static JsonObject StatementFor(Digest digest) => new()
    {
        ["_type"] = "https://in-toto.io/Statement/v1",
        ["subject"] = new JsonArray(new JsonObject { ["digest"] = new JsonObject { ["sha256"] = digest.Hex } }),
        ["predicateType"] = PredicateType,
        ["predicate"] = new JsonObject(),
    };
}
