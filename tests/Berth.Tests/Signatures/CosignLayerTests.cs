using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>Keyless signatures in the annotations of layers, as cosign 2 writes them.</summary>
public sealed class CosignLayerTests
{
    private const string Signature = "dev.cosignproject.cosign/signature";
    private const string Certificate = "dev.sigstore.cosign/certificate";
    private const string Chain = "dev.sigstore.cosign/chain";
    private const string Entry = "dev.sigstore.cosign/bundle";
    private const string Timestamp = "dev.sigstore.cosign/rfc3161timestamp";

    private readonly LittleSigstore _sigstore = new();
    private readonly X509Certificate2 _signer;
    private readonly Dictionary<string, string> _annotations;
    private readonly byte[] _payload = KeyTests.Bytes(KeyTests.Payload());
    private readonly byte[] _signature;

    public CosignLayerTests()
    {
        _signer = _sigstore.Certify(new LittleIdentity());
        _signature = Sign(_payload);
        var entry = _sigstore.Log.Log(
            LittleBody.HashedRekord(_payload, _signature, _signer.ExportCertificatePem()), LittleSigstore.Time);
        _annotations = new Dictionary<string, string>
        {
            [Signature] = Convert.ToBase64String(_signature),
            [Certificate] = _signer.ExportCertificatePem(),
            [Chain] = _sigstore.Issuer.ExportCertificatePem(),
            [Entry] = KeyTests.EntryOf(entry).ToJsonString(),
        };
    }

    [Fact]
    public void A_payload_is_verified_with_what_its_annotations_hold()
    {
        var signature = Verify().Signature!;
        Assert.Equal(LittleIdentity.Workflow, signature.Signer);
        Assert.Equal(new SigningTime(LittleSigstore.Time, TimeSource.Log), signature.SignedAt);
    }

    [Fact]
    public void An_issuer_that_only_the_annotations_hold_is_found()
    {
        var root = _sigstore.TrustRoot();
        root["certificateAuthorities"] = new JsonArray(LittleSigstore.TrustedAuthority(_sigstore.Root));
        Assert.Equal(LittleIdentity.Workflow, Verify(root: root).Signature!.Signer);
        _annotations.Remove(Chain);
        Assert.Equal(SignatureFaultKind.Untrusted, Verify(root: root).Fault!.Kind);
    }

    [Fact]
    public void A_timestamp_is_enough_where_no_log_is_trusted()
    {
        var response = _sigstore.Timestamps.Respond(_signature, LittleSigstore.Time);
        _annotations[Timestamp] =
            new JsonObject { ["SignedRFC3161Timestamp"] = Convert.ToBase64String(response) }.ToJsonString();
        _annotations.Remove(Entry);
        var root = _sigstore.TrustRoot();
        root["tlogs"] = new JsonArray();
        Assert.Equal(
            new SigningTime(LittleSigstore.Time, TimeSource.Timestamp), Verify(root: root).Signature!.SignedAt);
        Assert.Contains("no entry in a log", Verify().Fault!.Reason);
    }

    [Theory]
    [InlineData(Signature, null, "the annotation dev.cosignproject.cosign/signature is missing")]
    [InlineData(Signature, "", "the annotation dev.cosignproject.cosign/signature is missing")]
    [InlineData(Signature, "%", "the annotation dev.cosignproject.cosign/signature is not base64")]
    [InlineData(Certificate, null, "it is signed with a key, and none is configured")]
    [InlineData(Certificate, "MIIB", "the annotation dev.sigstore.cosign/certificate holds no certificates")]
    [InlineData(Certificate, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "PEM of another kind")]
    [InlineData(Certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "can't be read")]
    [InlineData(Entry, "{", "the log entry is not valid JSON")]
    [InlineData(Entry, """{"Payload":{"logID":"00"}}""", "logID is no hash")]
    [InlineData(Entry, null, "it has no entry in a log that is trusted")]
    [InlineData(Timestamp, "{}", "SignedRFC3161Timestamp is missing")]
    [InlineData(Timestamp, """{"SignedRFC3161Timestamp":"MAA="}""", "a timestamp can't be read")]
    public void Annotations_that_are_wrong_are_told(string name, string? value, string reason)
    {
        if (value is null) _annotations.Remove(name);
        else _annotations[name] = value;
        Assert.Contains(reason, Verify().Fault!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_counts_whatever_certificate_came_with_the_signature()
    {
        var pem = _signer.GetECDsaPublicKey()!.ExportSubjectPublicKeyInfoPem();
        var verdict = KeyTests.Verify(
            new SignatureLayer(CosignLayer.PayloadType, _annotations, _payload),
            new Trust { Keys = [new TrustedKey("own", pem)] });
        Assert.Equal((SignatureKind.CosignKey, "own"), (verdict.Signature!.Kind, verdict.Signature.Signer));
    }

    [Fact]
    public void Two_certificates_in_the_place_of_one_are_refused()
    {
        _annotations[Certificate] += "\n" + _annotations[Chain];
        Assert.Equal("there are more than 1 certificates", Verify().Fault!.Reason);
    }

    [Fact]
    public void An_attestation_is_verified_with_the_log_of_its_envelope()
    {
        var envelope = Envelope(out var statement, out var signature);
        Log(LittleBody.Envelope(statement, signature, _signer.ExportCertificatePem()));
        Assert.Equal(LittleBundle.PredicateType, Verify(envelope).Signature!.PredicateType);
    }

    [Fact]
    public void An_attestation_is_verified_with_the_log_of_old_versions()
    {
        var envelope = Envelope(out _, out _);
        Log(LittleBody.OldStatement(envelope, _signer.ExportCertificatePem()));
        Assert.Equal(LittleBundle.PredicateType, Verify(envelope).Signature!.PredicateType);

        Log(LittleBody.OldStatement([.. envelope, 32], _signer.ExportCertificatePem()));
        Assert.Equal("the log entry is for other content", Verify(envelope).Fault!.Reason);

        Log(LittleBody.OldStatement(envelope, _sigstore.Issuer.ExportCertificatePem()));
        Assert.Equal("the log entry is for another signer", Verify(envelope).Fault!.Reason);
    }

    private byte[] Envelope(out byte[] statement, out byte[] signature)
    {
        statement = KeyTests.Bytes(LittleBundle.StatementFor(LittleBundle.Signed.Digest));
        signature = Sign(LittleBundle.Encode(statement));
        return KeyTests.Bytes(LittleBundle.EnvelopeOf(statement, signature));
    }

    private void Log(JsonObject body) => _annotations[Entry] =
        KeyTests.EntryOf(_sigstore.Log.Log(body, LittleSigstore.Time)).ToJsonString();

    private byte[] Sign(byte[] content) => LittleBundle.SignWith(_signer, content);

    private SignatureVerdict Verify(byte[]? envelope = null, JsonObject? root = null)
    {
        var layer = new SignatureLayer(
            envelope is null ? CosignLayer.PayloadType : CosignLayer.EnvelopeType, _annotations, envelope ?? _payload);
        return KeyTests.Verify(layer, new Trust
        {
            Roots = [TrustRoot.Parse(Encoding.UTF8.GetBytes((root ?? _sigstore.TrustRoot()).ToJsonString()))],
            Identities = [KeylessIdentity.Parse(LittleIdentity.TokenIssuer, LittleIdentity.Workflow)],
        });
    }
}
