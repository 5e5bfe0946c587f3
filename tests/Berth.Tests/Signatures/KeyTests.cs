using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Berth.Tests.Signatures;

/// <summary>Signatures of cosign with keys, as layers of its tags and as bundles.</summary>
public sealed class KeyTests
{
    private static readonly DateTimeOffset Now = LittleSigstore.Time;

    /// <summary>A key, and how it signs.</summary>
    private sealed record Signer(string Pem, Func<byte[], byte[]> Sign);

    private static readonly Dictionary<string, Func<Signer>> Signers = new()
    {
        ["P-256"] = () => Ecdsa(ECCurve.NamedCurves.nistP256, HashAlgorithmName.SHA256),
        ["P-384"] = () => Ecdsa(ECCurve.NamedCurves.nistP384, HashAlgorithmName.SHA384),
        ["P-384 with SHA-256"] = () => Ecdsa(ECCurve.NamedCurves.nistP384, HashAlgorithmName.SHA256),
        ["P-521"] = () => Ecdsa(ECCurve.NamedCurves.nistP521, HashAlgorithmName.SHA512),
        ["RSA"] = () => Rsa(2048, RSASignaturePadding.Pkcs1),
        ["RSA-PSS"] = () => Rsa(2048, RSASignaturePadding.Pss),
        ["Ed25519"] = Ed,
    };

    public static TheoryData<string> Algorithms => [.. Signers.Keys];

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void A_payload_is_verified_with_a_key(string algorithm)
    {
        var signer = Signers[algorithm]();
        var verdict = Verify(LayerBy(signer), Trusted(signer.Pem));
        Assert.Null(verdict.Fault);
        Assert.Equal((SignatureKind.CosignKey, "release", "release"), (
            verdict.Signature!.Kind, verdict.Signature.Signer, verdict.Signature.TrustedBy));
        Assert.Null(verdict.Signature.SignedAt);
        Assert.Null(verdict.Signature.PredicateType);
        Assert.Equal("42", verdict.Signature.Annotations["build"]);
        Assert.Equal("no trusted key made this signature", Verify(LayerBy(signer), Trusted(Signers[algorithm]().Pem))
            .Fault!.Reason);
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void An_attestation_is_verified_with_a_key(string algorithm)
    {
        var signer = Signers[algorithm]();
        var verdict = Verify(EnvelopeLayerBy(signer), Trusted(signer.Pem));
        Assert.Equal(LittleBundle.PredicateType, verdict.Signature!.PredicateType);
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void A_bundle_is_verified_with_a_key(string algorithm)
    {
        var signer = Signers[algorithm]();
        Assert.Equal("release", Verify(BundleLayerBy(signer), Trusted(signer.Pem)).Signature!.Signer);
    }

    [Fact]
    public void A_statement_that_says_nothing_is_a_signature()
    {
        var (signer, statement) = (Ed(), LittleBundle.StatementFor(LittleBundle.Signed.Digest));
        statement["predicateType"] = "https://sigstore.dev/cosign/sign/v1";
        Assert.Null(Verify(EnvelopeLayerBy(signer, statement), Trusted(signer.Pem)).Signature!.PredicateType);
    }

    [Fact]
    public void The_first_of_several_keys_that_made_it_is_told()
    {
        var signer = Ed();
        var trust = new Trust { Keys = [new("old", Ed().Pem), new("new", signer.Pem), new("again", signer.Pem)] };
        Assert.Equal("new", Verify(LayerBy(signer), trust).Signature!.Signer);
    }

    [Fact]
    public void An_altered_payload_is_refused()
    {
        var signer = Ed();
        var layer = LayerBy(signer);
        var altered = layer with { Content = layer.Content.ToArray().Append((byte)' ').ToArray() };
        Assert.Equal(
            SignatureFault.Untrusted("no trusted key made this signature"), Verify(altered, Trusted(signer.Pem)).Fault);
    }

    [Fact]
    public void Without_keys_nothing_is_trusted() => Assert.Equal(
        SignatureFault.Untrusted("it is signed with a key, and none is configured"),
        Verify(LayerBy(Ed()), new Trust()).Fault);

    [Fact]
    public void A_signature_of_another_image_is_refused()
    {
        var signer = Ed();
        var other = LittleBundle.Signed with { Digest = Digest.Of(DigestAlgorithm.Sha256, [1]) };
        foreach (var layer in (SignatureLayer[])[LayerBy(signer), EnvelopeLayerBy(signer), BundleLayerBy(signer)])
        {
            Assert.Equal(
                SignatureFault.OtherImage($"it is about {LittleBundle.Signed.Digest}, not this image"),
                SignatureVerification.Verify(other, layer, Trusted(signer.Pem), Now).Fault);
        }
    }

    [Fact]
    public void A_payload_for_something_else_than_an_image_is_refused()
    {
        var (signer, payload) = (Ed(), Payload());
        payload["critical"]!["type"] = "atomic container signature";
        Assert.Equal(
            SignatureFault.Unreadable("the payload is not a signature of an image"),
            Verify(LayerBy(signer, payload), Trusted(signer.Pem)).Fault);
    }

    [Theory]
    [InlineData("_type", "https://example.com/Statement/v1", "the envelope does not hold a statement of in-toto")]
    [InlineData("predicateType", null, "predicateType is missing")]
    public void A_statement_that_is_none_is_refused(string field, string? value, string reason)
    {
        var (signer, statement) = (Ed(), LittleBundle.StatementFor(LittleBundle.Signed.Digest));
        statement[field] = value;
        Assert.Equal(
            SignatureFault.Unreadable(reason),
            Verify(EnvelopeLayerBy(signer, statement), Trusted(signer.Pem)).Fault);
    }

    [Fact]
    public void An_envelope_that_holds_no_statement_is_refused()
    {
        var (signer, bytes) = (Ed(), Bytes(LittleBundle.StatementFor(LittleBundle.Signed.Digest)));
        var envelope = LittleBundle.EnvelopeOf(
            bytes, signer.Sign([.. Encoding.UTF8.GetBytes($"DSSEv1 10 text/plain {bytes.Length} "), .. bytes]));
        envelope["payloadType"] = "text/plain";
        var layer = new SignatureLayer(CosignLayer.EnvelopeType, None, Bytes(envelope));
        Assert.Equal(
            SignatureFault.Unreadable("the envelope holds text/plain, not a statement of in-toto"),
            Verify(layer, Trusted(signer.Pem)).Fault);
    }

    [Fact]
    public void A_log_that_is_trusted_attests_the_time_and_must_be_right()
    {
        var (sigstore, signer) = (new LittleSigstore(), Ecdsa(ECCurve.NamedCurves.nistP256, HashAlgorithmName.SHA256));
        var trust = Trusted(signer.Pem) with { Roots = [TrustRoot.Parse(Bytes(sigstore.TrustRoot()))] };
        var payload = Bytes(Payload());
        var signature = signer.Sign(payload);
        var right = sigstore.Log.Log(LittleBody.HashedRekord(payload, signature, signer.Pem), Now);
        var wrong = sigstore.Log.Log(LittleBody.HashedRekord([1], signature, signer.Pem), Now);
        var foreign = new LittleLog("other.example").Log(LittleBody.HashedRekord([1], signature, signer.Pem), Now);
        Assert.Equal(
            new SigningTime(Now, TimeSource.Log),
            Verify(LayerOf(payload, signature, right), trust).Signature!.SignedAt);
        Assert.Equal(
            SignatureFault.Invalid("the log entry is for other content"),
            Verify(LayerOf(payload, signature, wrong), trust).Fault);
        Assert.Null(Verify(LayerOf(payload, signature, foreign), trust).Signature!.SignedAt);
    }

    internal static Dictionary<string, string> None { get; } = [];

    internal static SignatureLayer BundleLayer(byte[] bundle) =>
        new("application/vnd.dev.sigstore.bundle.v0.3+json", None, bundle);

    internal static SignatureVerdict Verify(SignatureLayer layer, Trust trust) =>
        SignatureVerification.Verify(LittleBundle.Signed, layer, trust, Now);

    internal static byte[] Bytes(JsonNode json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    internal static JsonObject Payload() => new()
    {
        ["critical"] = new JsonObject
        {
            ["identity"] = new JsonObject { ["docker-reference"] = "anybody.example/could/have/written/this" },
            ["image"] = new JsonObject { ["docker-manifest-digest"] = LittleBundle.Signed.Digest.Text },
            ["type"] = "cosign container image signature",
        },
        ["optional"] = new JsonObject { ["build"] = "42", ["number"] = 1 },
    };

    internal static SignatureLayer LayerOf(byte[] payload, byte[] signature, JsonObject? entry = null) => new(
        "application/vnd.dev.cosign.simplesigning.v1+json",
        new Dictionary<string, string>
        {
            ["dev.cosignproject.cosign/signature"] = Convert.ToBase64String(signature),
            ["dev.sigstore.cosign/bundle"] = entry is null ? "" : EntryOf(entry).ToJsonString(),
        },
        payload);

    /// <summary>An entry as cosign 2 keeps it in an annotation.</summary>
    internal static JsonObject EntryOf(JsonObject entry) => new()
    {
        ["SignedEntryTimestamp"] = entry["inclusionPromise"]!["signedEntryTimestamp"]!.DeepClone(),
        ["Payload"] = new JsonObject
        {
            ["body"] = entry["canonicalizedBody"]!.DeepClone(),
            ["integratedTime"] = long.Parse((string)entry["integratedTime"]!, null),
            ["logIndex"] = long.Parse((string)entry["logIndex"]!, null),
            ["logID"] = Convert.ToHexStringLower(Convert.FromBase64String((string)entry["logId"]!["keyId"]!)),
        },
    };

    private static Trust Trusted(string pem) => new() { Keys = [new TrustedKey("release", pem)] };

    private static SignatureLayer LayerBy(Signer signer, JsonObject? payload = null) =>
        Bytes(payload ?? Payload()) is var bytes ? LayerOf(bytes, signer.Sign(bytes)) : null!;

    private static SignatureLayer EnvelopeLayerBy(Signer signer, JsonObject? statement = null) => new(
        "application/vnd.dsse.envelope.v1+json", None, Bytes(EnvelopeBy(signer, statement)));

    private static SignatureLayer BundleLayerBy(Signer signer) => BundleLayer(Bytes(new JsonObject
    {
        ["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json",
        ["verificationMaterial"] = new JsonObject { ["publicKey"] = new JsonObject { ["hint"] = "any" } },
        ["dsseEnvelope"] = EnvelopeBy(signer, null),
    }));

    private static JsonObject EnvelopeBy(Signer signer, JsonObject? statement)
    {
        var bytes = Bytes(statement ?? LittleBundle.StatementFor(LittleBundle.Signed.Digest));
        return LittleBundle.EnvelopeOf(bytes, signer.Sign(LittleBundle.Encode(bytes)));
    }

    private static Signer Ecdsa(ECCurve curve, HashAlgorithmName hash)
    {
        var key = ECDsa.Create(curve);
        return new Signer(
            key.ExportSubjectPublicKeyInfoPem(),
            message => key.SignData(message, hash, DSASignatureFormat.Rfc3279DerSequence));
    }

    private static Signer Rsa(int bits, RSASignaturePadding padding)
    {
        var key = RSA.Create(bits);
        return new Signer(
            key.ExportSubjectPublicKeyInfoPem(), message => key.SignData(message, HashAlgorithmName.SHA256, padding));
    }

    private static Signer Ed()
    {
        var seed = RandomNumberGenerator.GetBytes(Ed25519.SecretKeySize);
        var key = new byte[Ed25519.PublicKeySize];
        Ed25519.GeneratePublicKey(seed, 0, key, 0);
        byte[] info = [.. Convert.FromHexString("302a300506032b6570032100"), .. key];
        return new Signer(PemEncoding.WriteString("PUBLIC KEY", info), message =>
        {
            var signature = new byte[Ed25519.SignatureSize];
            Ed25519.Sign(seed, 0, message, 0, message.Length, signature, 0);
            return signature;
        });
    }
}
