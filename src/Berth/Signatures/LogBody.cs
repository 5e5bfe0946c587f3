using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Berth.Signatures;

/// <summary>
/// Compares what was logged with the signature that it should be for. Else a valid entry for anything else could stand
/// beside a signature that was never logged (rekor, pkg/types).
/// </summary>
internal static class LogBody
{
    /// <returns>What differs; null if nothing does.</returns>
    /// <exception cref="FormatException">The body can't be read.</exception>
    public static string? Check(LogEntry entry, SigstoreSignature signature, VerificationKey key)
    {
        using var document = SignatureJson.Parse(entry.Body, "the log entry's body");
        var root = document.RootElement;
        var type = (Kind: SignatureJson.Text(root, "kind"), Version: SignatureJson.Text(root, "apiVersion"));
        if (entry.Type is { } said && said != type) return $"the log entry is not a {said.Kind} {said.Version}";
        var spec = SignatureJson.Field(root, "spec");
        return type switch
        {
            ("hashedrekord", "0.0.1") => CheckHashedRekord(spec, signature, key),
            ("hashedrekord", "0.0.2") =>
                CheckHashedRekord2(SignatureJson.Field(spec, "hashedRekordV002"), signature, key),
            ("dsse", "0.0.1") => CheckEnvelope(spec, signature, key),
            ("intoto", "0.0.2") => CheckStatement(SignatureJson.Field(spec, "content"), signature, key),
            ("intoto", "0.0.1") => CheckOldStatement(spec, signature, key),
            _ => $"log entries of the kind {type.Kind} {type.Version} are not supported",
        };
    }

    private static string? CheckHashedRekord(JsonElement spec, SigstoreSignature signature, VerificationKey key)
    {
        var hash = SignatureJson.Field(spec, "data", "hash");
        var isSame = signature.Content switch
        {
            SignedPayload payload => IsHash(hash, HashOf("sha256", payload.Payload.Span)),
            SignedHash signed => IsHash(hash, (signed.AlgorithmText, signed.Hash)),
            _ => false,
        };
        return !isSame ? "the log entry is for other content"
            : CheckSigner(
                SignatureJson.Bytes(spec, "signature", "content"),
                SignatureJson.Bytes(spec, "signature", "publicKey", "content"),
                signature, key);
    }

    /// <summary>Of an envelope, the hash is of what was signed.</summary>
    private static string? CheckHashedRekord2(JsonElement spec, SigstoreSignature signature, VerificationKey key)
    {
        var algorithm = SignatureJson.Text(spec, "data", "algorithm").Replace("SHA2_", "sha", StringComparison.Ordinal);
        byte[] expected = signature.Content switch
        {
            SignedPayload payload => HashOf(algorithm, payload.Payload.Span).Hash,
            SignedEnvelope envelope => HashOf(algorithm, envelope.Signed).Hash,
            SignedHash signed when signed.AlgorithmText == algorithm => signed.Hash,
            _ => [],
        };
        if (expected.Length == 0 || !SignatureJson.Bytes(spec, "data", "digest").AsSpan().SequenceEqual(expected))
            return "the log entry is for other content";
        var verifier = SignatureJson.Field(spec, "signature", "verifier");
        var signer = SignatureJson.Optional(verifier, "x509Certificate") is { } certificate
            ? SignatureJson.Bytes(certificate, "rawBytes")
            : SignatureJson.Bytes(verifier, "publicKey", "rawBytes");
        return CheckSignature(SignatureJson.Bytes(spec, "signature", "content"), signature)
            ?? CheckSigner(signer, signature, key);
    }

    private static string? CheckEnvelope(JsonElement spec, SigstoreSignature signature, VerificationKey key)
    {
        if (!IsPayload(SignatureJson.Field(spec, "payloadHash"), signature))
            return "the log entry is for other content";
        var signatures = SignatureJson.Items(spec, "signatures", 2);
        return signatures.Count != 1 ? "the log entry does not have exactly one signature"
            : CheckSigner(
                SignatureJson.Bytes(signatures[0], "signature"), SignatureJson.Bytes(signatures[0], "verifier"),
                signature, key);
    }

    private static string? CheckStatement(JsonElement content, SigstoreSignature signature, VerificationKey key)
    {
        if (!IsPayload(SignatureJson.Field(content, "payloadHash"), signature))
            return "the log entry is for other content";
        var signatures = SignatureJson.Items(SignatureJson.Field(content, "envelope"), "signatures", 2);
        if (signatures.Count != 1) return "the log entry does not have exactly one signature";

        // Rekor encodes this one twice.
        var logged = SignatureJson.Bytes(signatures[0], "sig");
        if (Base64.DecodeFromUtf8InPlace(logged, out var length) != OperationStatus.Done)
            return "the log entry's signature is not base64";
        return CheckSigner(logged[..length], SignatureJson.Bytes(signatures[0], "publicKey"), signature, key);
    }

    /// <summary>This version logs no signature, but the hash of the whole envelope, which holds it.</summary>
    private static string? CheckOldStatement(JsonElement spec, SigstoreSignature signature, VerificationKey key)
    {
        if (signature.Content is not SignedEnvelope { Envelope: { } envelope }
            || !IsHash(SignatureJson.Field(spec, "content", "hash"), HashOf("sha256", envelope.Span)))
        {
            return "the log entry is for other content";
        }

        return CheckSigner(DerOf(SignatureJson.Bytes(spec, "publicKey")), signature, key);
    }

    private static bool IsPayload(JsonElement hash, SigstoreSignature signature) =>
        signature.Content is SignedEnvelope envelope && IsHash(hash, HashOf("sha256", envelope.Payload.Span));

    private static bool IsHash(JsonElement logged, (string Algorithm, byte[] Hash) expected) =>
        SignatureJson.Text(logged, "algorithm") == expected.Algorithm
        && SignatureJson.Text(logged, "value") == Convert.ToHexStringLower(expected.Hash);

    private static (string Algorithm, byte[] Hash) HashOf(string algorithm, ReadOnlySpan<byte> content) => (
        algorithm,
        algorithm switch
        {
            "sha256" => SHA256.HashData(content),
            "sha384" => SHA384.HashData(content),
            "sha512" => SHA512.HashData(content),
            _ => throw new FormatException($"the log entry's hash {algorithm} is not supported"),
        });

    private static string? CheckSigner(byte[] logged, byte[] pem, SigstoreSignature signature, VerificationKey key) =>
        CheckSignature(logged, signature) ?? CheckSigner(DerOf(pem), signature, key);

    private static string? CheckSignature(byte[] logged, SigstoreSignature signature) =>
        logged.AsSpan().SequenceEqual(signature.Signature) ? null : "the log entry is for another signature";

    private static string? CheckSigner(byte[] logged, SigstoreSignature signature, VerificationKey key) =>
        logged.AsSpan().SequenceEqual(signature.Certificate ?? key.Info)
            ? null : "the log entry is for another signer";

    private static byte[] DerOf(byte[] pem)
    {
        var text = Encoding.UTF8.GetString(pem);
        return PemEncoding.TryFind(text, out var fields)
            ? Convert.FromBase64String(text[fields.Base64Data])
            : throw new FormatException("the log entry's signer is not PEM");
    }
}
