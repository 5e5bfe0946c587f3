using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>A timestamp by an authority (RFC 3161), over the bytes of a signature.</summary>
internal sealed class TimestampToken
{
    private static readonly string[] Hashes =
        ["2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"];

    private readonly Rfc3161TimestampToken _token;

    private TimestampToken(Rfc3161TimestampToken token) => _token = token;

    /// <summary>What the token says, whether or not it is trusted.</summary>
    public DateTimeOffset Time => _token.TokenInfo.Timestamp;

    /// <param name="content">A token, or a response of an authority that holds one.</param>
    /// <exception cref="FormatException">It is neither, or says that the request was refused.</exception>
    public static TimestampToken Parse(ReadOnlyMemory<byte> content)
    {
        if (content.Length > SignatureLimits.MaxEnvelopeBytes) throw new FormatException("a timestamp is very large");
        try
        {
            return Rfc3161TimestampToken.TryDecode(TokenOf(content), out var token, out _)
                ? new TimestampToken(token)
                : throw new FormatException("a timestamp can't be read, or its certificate was not valid then");
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            throw new FormatException("a timestamp can't be read", e);
        }
    }

    /// <summary>Whether it is over these bytes, and by this authority.</summary>
    /// <param name="signature">What was stamped.</param>
    /// <param name="authority">Whose certificates it may use.</param>
    /// <returns>Why it is not; null if it is.</returns>
    public string? Check(ReadOnlySpan<byte> signature, TrustedAuthority authority)
    {
        if (!Hashes.Contains(_token.TokenInfo.HashAlgorithmId.Value))
            return "the timestamp uses a hash that is not supported";
        X509Certificate2Collection candidates = [.. authority.Chain];
        if (!_token.VerifySignatureForData(signature, out var signer, candidates))
            return "the timestamp is not over this signature, or its own signature is wrong";

        // The first certificate is the authority's own, unless only its issuers are known.
        var own = authority.Chain[0];
        if (!CertificatePath.IsAuthority(own) && !own.RawDataMemory.Span.SequenceEqual(signer.RawDataMemory.Span))
            return $"the timestamp is by {signer.Subject}, not {own.Subject}";
        if (!authority.ValidFor.Contains(Time))
            return $"the timestamp authority was not trusted at {CertificatePath.TimeText(Time)}";
        return CertificatePath.Check(
            signer, Embedded().Concat(authority.Chain), authority.Root, Time, CertificatePath.TimeStamping, out _);
    }

    private IEnumerable<X509Certificate2> Embedded() =>
        _token.AsSignedCms().Certificates.Take(SignatureLimits.MaxCertificates);

    /// <summary>A response is a status and a token, and a token begins with the name of its type.</summary>
    private static ReadOnlyMemory<byte> TokenOf(ReadOnlyMemory<byte> content)
    {
        var response = new AsnReader(content, AsnEncodingRules.BER).ReadSequence();
        if (response.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier)) return content;
        var status = response.ReadSequence().ReadInteger();
        if (status > 1 || !response.HasData) throw new FormatException($"the timestamp was refused ({status})");
        return response.ReadEncodedValue();
    }
}
