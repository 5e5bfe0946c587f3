using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Berth.Signatures;

/// <summary>Who a certificate of Fulcio is for (fulcio, docs/oid-info.md).</summary>
/// <param name="Subject">The only name in it: an address of a workflow or a person, or a user's name.</param>
/// <param name="Issuer">Who vouches for that.</param>
internal sealed record FulcioCertificate(string Subject, string Issuer)
{
    private const string SubjectAlternativeName = "2.5.29.17";
    private const string IssuerExtension = "1.3.6.1.4.1.57264.1.8";

    /// <summary>The same, not encoded: what was written before there was the other.</summary>
    private const string OldIssuerExtension = "1.3.6.1.4.1.57264.1.1";

    /// <summary>The type of a name that has no form of its own.</summary>
    private const string UserName = "1.3.6.1.4.1.57264.1.7";

    /// <exception cref="FormatException">It has no name or more than one, or no issuer.</exception>
    public static FulcioCertificate Read(X509Certificate2 certificate)
    {
        try
        {
            return new FulcioCertificate(ReadSubject(certificate), ReadIssuer(certificate));
        }
        catch (AsnContentException e)
        {
            throw new FormatException("an extension of the certificate can't be read", e);
        }
    }

    public override string ToString() => $"{Subject} ({Issuer})";

    private static string ReadSubject(X509Certificate2 certificate)
    {
        var names = new AsnReader(Extension(certificate, SubjectAlternativeName)
            ?? throw new FormatException("the certificate names nobody"), AsnEncodingRules.DER).ReadSequence();
        var subject = ReadName(names);

        // A second name would let the signer choose which of them is trusted.
        return names.HasData ? throw new FormatException("the certificate has more than one name") : subject;
    }

    private static string ReadName(AsnReader names)
    {
        var tag = names.PeekTag();
        if (tag.TagClass != TagClass.ContextSpecific) throw new FormatException("the certificate's name is none");
        if (tag.TagValue is 1 or 6) return names.ReadCharacterString(UniversalTagNumber.IA5String, tag);
        if (tag.TagValue != 0) throw new FormatException("the certificate's name is of a kind that Fulcio has not");
        var other = names.ReadSequence(tag);
        if (other.ReadObjectIdentifier() != UserName) throw new FormatException("the certificate's name is unknown");
        return other.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0))
            .ReadCharacterString(UniversalTagNumber.UTF8String);
    }

    private static string ReadIssuer(X509Certificate2 certificate)
    {
        if (Extension(certificate, IssuerExtension) is { } issuer)
            return new AsnReader(issuer, AsnEncodingRules.DER).ReadCharacterString(UniversalTagNumber.UTF8String);
        return Extension(certificate, OldIssuerExtension) is { } old
            ? Encoding.UTF8.GetString(old)
            : throw new FormatException("the certificate does not say who vouches for its name");
    }

    private static byte[]? Extension(X509Certificate2 certificate, string name) =>
        certificate.Extensions[name]?.RawData;
}
