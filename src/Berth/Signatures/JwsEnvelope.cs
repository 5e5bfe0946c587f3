using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Berth.Signatures;

/// <summary>A signature of Notary Project as JSON (RFC 7515, section 7.2.2; notation, signature-envelope-jws.md).
/// </summary>
/// <param name="Signed">What is signed: the protected header and the payload, as they were encoded.</param>
/// <param name="Algorithm">What the protected header says.</param>
internal sealed record JwsEnvelope(byte[] Signed, string Algorithm) : NotationEnvelope
{
    public const string MediaType = "application/jose+json";

    /// <exception cref="FormatException">It is no such envelope. Says why.</exception>
    public static JwsEnvelope Read(ReadOnlyMemory<byte> json)
    {
        if (json.Length > SignatureLimits.MaxEnvelopeBytes) throw new FormatException("the envelope is very large");
        using var document = SignatureJson.Parse(json, "the envelope");
        var root = document.RootElement;
        var (payload, header) = (SignatureJson.Text(root, "payload"), SignatureJson.Text(root, "protected"));
        using var protectedHeader = SignatureJson.Parse(BytesOf(header), "the protected header");
        var (signed, unsigned) = (protectedHeader.RootElement, SignatureJson.Field(root, "header"));
        return new JwsEnvelope(Encoding.ASCII.GetBytes($"{header}.{payload}"), SignatureJson.Text(signed, "alg"))
        {
            Payload = BytesOf(payload),
            Signature = BytesOf(SignatureJson.Text(root, "signature")),
            ContentType = SignatureJson.Text(signed, "cty"),
            Critical = SignatureJson.Items(signed, "crit", SignatureLimits.MaxItems).ConvertAll(one => one.ToString()),
            Scheme = SignatureJson.Text(signed, SchemeHeader),
            SigningTime = TimeOf(signed, TimeHeader),
            AuthenticTime = TimeOf(signed, AuthenticTimeHeader),
            Expiry = TimeOf(signed, ExpiryHeader),
            Chain = SignatureJson.Items(unsigned, "x5c", SignatureLimits.MaxCertificates).ConvertAll(CertificateOf),
            Timestamp = SignatureJson.Optional(unsigned, TimestampHeader) is null
                ? null : SignatureJson.Bytes(unsigned, TimestampHeader),
        };
    }

    public override bool IsSignedBy(VerificationKey key)
    {
        if (NotationAlgorithm.Of(key) is not { } prescribed || Algorithm != prescribed.Name) return false;
        if (key.Algorithm == KeyAlgorithm.Rsa)
        {
            using var rsa = key.CreateRsa();
            return rsa.VerifyData(Signed, Signature, prescribed.Hash, RSASignaturePadding.Pss);
        }

        using var ecdsa = key.CreateEcdsa();
        return ecdsa.VerifyData(
            Signed, Signature, prescribed.Hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private static byte[] BytesOf(string text)
    {
        try
        {
            return Base64Url.DecodeFromChars(text);
        }
        catch (FormatException e)
        {
            throw new FormatException("a part of the envelope is not base64url", e);
        }
    }

    private static byte[] CertificateOf(JsonElement one) =>
        one.ValueKind == JsonValueKind.String && one.TryGetBytesFromBase64(out var bytes)
            ? bytes : throw new FormatException("x5c does not hold certificates alone");

    private static DateTimeOffset? TimeOf(JsonElement header, string name)
    {
        if (SignatureJson.OptionalText(header, name) is not { } text) return null;
        return DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time : throw new FormatException($"{name} is not a time");
    }
}
