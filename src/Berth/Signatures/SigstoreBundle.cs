using System.Security.Cryptography;
using System.Text.Json;

namespace Berth.Signatures;

/// <summary>Reads bundles of Sigstore, versions 0.1 to 0.3 (protobuf-specs, sigstore_bundle.proto).</summary>
internal static class SigstoreBundle
{
    private const string TypeStart = "application/vnd.dev.sigstore.bundle";

    /// <summary>Null if a media type is not that of a bundle whose version is known.</summary>
    public static string? VersionOf(string mediaType) => mediaType switch
    {
        TypeStart + "+json;version=0.1" => "0.1",
        TypeStart + "+json;version=0.2" => "0.2",
        TypeStart + "+json;version=0.3" or TypeStart + ".v0.3+json" => "0.3",
        _ => null,
    };

    /// <exception cref="FormatException">It is no bundle, or lacks something. Says what.</exception>
    public static SigstoreSignature Read(ReadOnlyMemory<byte> json)
    {
        using var document = SignatureJson.Parse(json, "the bundle");
        var root = document.RootElement;
        var version = VersionOf(SignatureJson.Text(root, "mediaType"))
            ?? throw new FormatException("bundles of this version are not supported");
        SignatureJson.MustLack(root, "payload", "payloadType", "signatures", "schemaVersion");
        var material = SignatureJson.Field(root, "verificationMaterial");
        var (content, signature) = ReadContent(root);
        var chain = ReadChain(material);
        return new SigstoreSignature
        {
            Content = content,
            Signature = signature,
            Certificate = chain.FirstOrDefault(),
            Intermediates = [.. chain.Skip(1)],
            Entries =
            [
                .. SignatureJson.Items(material, "tlogEntries", SignatureLimits.MaxItems)
                    .Select(entry => ReadEntry(entry, version)),
            ],
            Timestamps = ReadTimestamps(material),
        };
    }

    /// <summary>An envelope as cosign and bundles have it.</summary>
    /// <param name="envelope">With payload, payloadType and signatures.</param>
    /// <param name="bytes">The same, as it was pushed, if it was not part of something else.</param>
    public static (SignedContent Content, byte[] Signature) ReadEnvelope(
        JsonElement envelope, ReadOnlyMemory<byte>? bytes)
    {
        // One of several signatures could be right and all others wrong: nobody could say what is shown to be signed.
        var signatures = SignatureJson.Items(envelope, "signatures", 2);
        if (signatures.Count != 1) throw new FormatException("the envelope does not have exactly one signature");
        var content = new SignedEnvelope(
            SignatureJson.Text(envelope, "payloadType"), SignatureJson.Bytes(envelope, "payload"), bytes);
        return (content, SignatureJson.Bytes(signatures[0], "sig"));
    }

    private static (SignedContent Content, byte[] Signature) ReadContent(JsonElement root)
    {
        var (envelope, message) =
            (SignatureJson.Optional(root, "dsseEnvelope"), SignatureJson.Optional(root, "messageSignature"));
        if (envelope is null == message is null)
            throw new FormatException("the bundle does not have exactly one of dsseEnvelope and messageSignature");
        if (envelope is { } found) return ReadEnvelope(found, null);
        var algorithm = SignatureJson.Text(message!.Value, "messageDigest", "algorithm") switch
        {
            "SHA2_256" => HashAlgorithmName.SHA256,
            "SHA2_384" => HashAlgorithmName.SHA384,
            "SHA2_512" => HashAlgorithmName.SHA512,
            var other => throw new FormatException($"digests of the algorithm {other} are not supported"),
        };
        var content = new SignedHash(algorithm, SignatureJson.Bytes(message.Value, "messageDigest", "digest"));
        return (content, SignatureJson.Bytes(message.Value, "signature"));
    }

    private static List<byte[]> ReadChain(JsonElement material)
    {
        if (SignatureJson.Optional(material, "certificate") is { } certificate)
            return [SignatureJson.Bytes(certificate, "rawBytes")];
        if (SignatureJson.Optional(material, "x509CertificateChain") is { } chain)
        {
            var all = SignatureJson.Items(chain, "certificates", SignatureLimits.MaxCertificates)
                .ConvertAll(one => SignatureJson.Bytes(one, "rawBytes"));
            return all.Count > 0 ? all : throw new FormatException("the bundle's certificate chain is empty");
        }

        return SignatureJson.Optional(material, "publicKey") is not null ? []
            : throw new FormatException("the bundle has neither a certificate nor a public key");
    }

    private static LogEntry ReadEntry(JsonElement entry, string version)
    {
        var promise = SignatureJson.Optional(entry, "inclusionPromise");
        var proof = SignatureJson.Optional(entry, "inclusionProof");
        if (version == "0.1" && promise is null) throw new FormatException("inclusionPromise is missing");
        if (version != "0.1" && proof is null) throw new FormatException("inclusionProof is missing");
        return new LogEntry
        {
            LogId = SignatureJson.Bytes(entry, "logId", "keyId"),

            // Numbers that are 0 are left out.
            Index = SignatureJson.Optional(entry, "logIndex") is null ? 0 : SignatureJson.Number(entry, "logIndex"),
            Body = SignatureJson.Bytes(entry, "canonicalizedBody"),
            IntegratedTime = SignatureJson.Optional(entry, "integratedTime") is null
                ? 0 : SignatureJson.Number(entry, "integratedTime"),
            Promise = promise is { } promised ? SignatureJson.Bytes(promised, "signedEntryTimestamp") : null,
            Proof = proof is { } proven ? ReadProof(proven) : null,
            Type = (
                SignatureJson.Text(entry, "kindVersion", "kind"), SignatureJson.Text(entry, "kindVersion", "version")),
        };
    }

    private static InclusionProof ReadProof(JsonElement proof) => new(
        SignatureJson.Optional(proof, "logIndex") is null ? 0 : SignatureJson.Number(proof, "logIndex"),
        SignatureJson.Number(proof, "treeSize"),
        SignatureJson.Bytes(proof, "rootHash"),
        SignatureJson.Items(proof, "hashes", SignatureLimits.MaxProofHashes).ConvertAll(HashOf),
        SignatureJson.Text(proof, "checkpoint", "envelope"));

    private static byte[] HashOf(JsonElement hash) =>
        hash.ValueKind == JsonValueKind.String && hash.TryGetBytesFromBase64(out var bytes)
        && bytes.Length == SHA256.HashSizeInBytes ? bytes : throw new FormatException("a hash of the proof is no hash");

    private static List<byte[]> ReadTimestamps(JsonElement material) =>
        SignatureJson.Optional(material, "timestampVerificationData") is not { } data ? []
            : SignatureJson.Items(data, "rfc3161Timestamps", SignatureLimits.MaxItems)
                .ConvertAll(one => SignatureJson.Bytes(one, "signedTimestamp"));
}
