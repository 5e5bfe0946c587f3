using System.Security.Cryptography;
using System.Text.Json;

namespace Berth.Signatures;

/// <summary>
/// Reads the layers of cosign's tags <c>sha256-….sig</c> and <c>.att</c>, and of artifacts with a subject in the same
/// format (cosign, specs/SIGNATURE_SPEC.md). What proves the signature is in the layer's annotations.
/// </summary>
internal static class CosignLayer
{
    public const string PayloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
    public const string EnvelopeType = "application/vnd.dsse.envelope.v1+json";

    private const string Signature = "dev.cosignproject.cosign/signature";
    private const string Certificate = "dev.sigstore.cosign/certificate";
    private const string Chain = "dev.sigstore.cosign/chain";
    private const string Entry = "dev.sigstore.cosign/bundle";
    private const string Timestamp = "dev.sigstore.cosign/rfc3161timestamp";

    /// <summary>Of one certificate: looking for the end of one takes time in proportion to what follows.</summary>
    private const int MaxPemChars = 48 << 10;

    /// <exception cref="FormatException">It is no such layer, or lacks something. Says what.</exception>
    public static SigstoreSignature Read(SignatureLayer layer)
    {
        var (content, signature) = layer.MediaType == EnvelopeType
            ? ReadEnvelope(layer.Content)
            : (new SignedPayload(layer.Content), ReadSignature(layer));
        return new SigstoreSignature
        {
            Content = content,
            Signature = signature,
            Certificate = ReadCertificates(layer, Certificate, 1).FirstOrDefault(),
            Intermediates = ReadCertificates(layer, Chain, SignatureLimits.MaxCertificates),
            Entries = Annotation(layer, Entry) is { } entry ? [ReadEntry(entry)] : [],
            Timestamps = Annotation(layer, Timestamp) is { } timestamp ? [ReadTimestamp(timestamp)] : [],
        };
    }

    /// <summary>cosign writes empty annotations for what it does not have.</summary>
    private static string? Annotation(SignatureLayer layer, string name) =>
        layer.Annotations.GetValueOrDefault(name) is { Length: > 0 } text ? text : null;

    private static (SignedContent Content, byte[] Signature) ReadEnvelope(ReadOnlyMemory<byte> content)
    {
        using var document = SignatureJson.Parse(content, "the envelope");
        SignatureJson.MustLack(
            document.RootElement, "dsseEnvelope", "messageSignature", "verificationMaterial", "schemaVersion");
        return SigstoreBundle.ReadEnvelope(document.RootElement, content);
    }

    private static byte[] ReadSignature(SignatureLayer layer)
    {
        var text = Annotation(layer, Signature) ?? throw new FormatException($"the annotation {Signature} is missing");
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length)
            ? bytes[..length] : throw new FormatException($"the annotation {Signature} is not base64");
    }

    private static List<byte[]> ReadCertificates(SignatureLayer layer, string name, int max)
    {
        if (Annotation(layer, name) is not { } pem) return [];
        if (pem.Length > max * MaxPemChars) throw new FormatException($"the annotation {name} is too long");
        var certificates = CertificatePath.LoadPem(pem, max);
        if (certificates.Count == 0) throw new FormatException($"the annotation {name} holds no certificates");
        try
        {
            return certificates.ConvertAll(one => one.RawData);
        }
        finally
        {
            certificates.ForEach(one => one.Dispose());
        }
    }

    private static LogEntry ReadEntry(string json)
    {
        using var document = SignatureJson.Parse(System.Text.Encoding.UTF8.GetBytes(json), "the log entry");
        var payload = SignatureJson.Field(document.RootElement, "Payload");
        return new LogEntry
        {
            LogId = HexOf(SignatureJson.Text(payload, "logID")),
            Index = SignatureJson.Number(payload, "logIndex"),
            Body = SignatureJson.Bytes(payload, "body"),
            IntegratedTime = SignatureJson.Number(payload, "integratedTime"),
            Promise = SignatureJson.Bytes(document.RootElement, "SignedEntryTimestamp"),
        };
    }

    private static byte[] HexOf(string text) => text.Length == 2 * SHA256.HashSizeInBytes
        ? Convert.FromHexString(text) : throw new FormatException("logID is no hash");

    private static byte[] ReadTimestamp(string json)
    {
        using var document = SignatureJson.Parse(System.Text.Encoding.UTF8.GetBytes(json), "the timestamp");
        return SignatureJson.Bytes(document.RootElement, "SignedRFC3161Timestamp");
    }
}
